//! REQ, COUNT and AUTH.

use protocol::{AuthLevel, EventId, Hint, PublicKey, SubscriptionId, VerifiedEvent};
use pubsub::{ConnectionId, Reply};
use queue::{
    Queue,
    jobs::{AuthorizationRequest, Client, CountRequest, NewSearch, Version},
};
use serde_json::{Value, json};
use testkit::{Keys, note};

use crate::fixture::{Fixture, req, until};

async fn with_notes(relay: &Fixture, count: u64, content: &str) -> Vec<VerifiedEvent> {
    let notes: Vec<_> = (0..count)
        .map(|n| note(&format!("{n}{content}")).at(n + 1).verified())
        .collect();
    relay.store.save(&notes.iter().collect::<Vec<_>>()).await.unwrap();
    notes
}

#[tokio::test]
async fn stored_events_come_in_pages_newest_first_and_end() {
    let mut relay = Fixture::start().await;
    let notes = with_notes(&relay, 150, "").await;
    relay.ask(json!([{"kinds": [1], "limit": 500}])).await;
    let (first, last) = (relay.stored().await, relay.stored().await);
    assert!(!first.header.end);
    assert_eq!(first.header.hint, None);
    assert!(last.header.end);
    assert_eq!(last.header.hint, Some(Hint::Finish));
    assert_eq!((first.header.generation, last.header.generation), (7, 7));
    assert_eq!((first.events().count(), last.events().count()), (100, 50));
    let got = first.events().chain(last.events()).map(|(_, json)| json);
    assert!(got.eq(notes.iter().rev().map(|note| note.json().to_owned())));
}

#[tokio::test]
async fn nothing_found_is_an_empty_page_that_ends() {
    let mut relay = Fixture::start().await;
    relay.ask(json!([{"kinds": [7], "limit": 5}])).await;
    let page = relay.stored().await;
    assert_eq!(page.events().count(), 0);
    assert_eq!((page.header.end, page.header.hint), (true, Some(Hint::Finish)));
}

#[tokio::test]
async fn a_limit_that_leaves_events_out_says_more() {
    let mut relay = Fixture::start().await;
    with_notes(&relay, 3, "").await;
    relay.ask(json!([{"kinds": [1], "limit": 2}])).await;
    let page = relay.stored().await;
    assert_eq!((page.events().count(), page.header.hint), (2, Some(Hint::More)));
}

#[tokio::test]
async fn an_answer_has_a_bound_and_the_oldest_are_left_out() {
    let mut relay = Fixture::idle(&[("LIMITS__MAX_REPLY_BYTES", "65536")]).await;
    relay.work();
    let notes = with_notes(&relay, 20, &"x".repeat(10_000)).await;
    relay.ask(json!([{"kinds": [1], "limit": 20}])).await;
    let page = relay.stored().await;
    assert_eq!((page.header.end, page.header.hint), (true, Some(Hint::More)));
    let got: Vec<EventId> = page.events().map(|(id, _)| id).collect();
    let newest: Vec<EventId> = notes.iter().rev().take(6).map(|note| note.id()).collect();
    assert_eq!(got, newest);
}

/// A worker whose statements may take 200 ms, and a lock on a table that no statement gets in that time.
async fn held_up(table: &str) -> (Fixture, impl Send) {
    let mut relay = Fixture::idle(&[
        ("POSTGRES__STATEMENT_TIMEOUT_MS", "200"),
        ("SEARCH__TIMEOUT_MS", "200"),
    ])
    .await;
    with_notes(&relay, 1, "").await;
    relay.work();
    // It has started when it answers: to start it reads these tables itself.
    relay.ask(json!([{"kinds": [1], "limit": 5}])).await;
    assert_eq!(relay.stored().await.events().count(), 1);
    let lock = format!("BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
    let held = relay.database.run(&lock).await;
    (relay, held)
}

fn closed(connection: ConnectionId, subscription: &str, reason: &str) -> Reply {
    Reply::Closed {
        connection,
        subscription: SubscriptionId::new(subscription).unwrap(),
        generation: 7,
        reason: reason.to_owned(),
    }
}

const TOO_LONG: &str = "error: the query took too long, narrow its filters";

#[tokio::test]
async fn a_query_that_takes_too_long_is_closed_at_once() {
    let (mut relay, _held) = held_up("events").await;
    let asking = relay.ask(json!([{"kinds": [1], "limit": 5}])).await;
    assert_eq!(relay.reply().await, closed(asking, "a:b", TOO_LONG));
}

#[tokio::test]
async fn a_search_that_takes_too_long_is_closed_at_once() {
    let (mut relay, _held) = held_up("searchable_contents").await;
    let asking = relay.connection();
    let search = req(asking, json!([{"search": "word", "limit": 5}]));
    relay.push(&NewSearch(search)).await;
    assert_eq!(relay.reply().await, closed(asking, "a:b", TOO_LONG));
    // It was not tried again: the next answer belongs to the next question.
    relay.ask(json!([{"kinds": [1], "limit": 5}])).await;
    let page = relay.stored().await;
    assert_eq!((page.events().count(), page.header.end), (1, true));
}

#[tokio::test]
async fn a_count_that_takes_too_long_is_closed_at_once() {
    let (mut relay, _held) = held_up("events").await;
    let asking = relay.connection();
    relay.push(&count_of(asking, json!([{"kinds": [1]}]))).await;
    let reason = "error: the count took too long, narrow its filters";
    assert_eq!(relay.reply().await, closed(asking, "n", reason));
}

/// A COUNT of an anonymous client.
fn count_of(connection: ConnectionId, filters: Value) -> CountRequest {
    CountRequest {
        v: Version,
        connection: connection.as_str().to_owned(),
        subscription: SubscriptionId::new("n").unwrap(),
        generation: 7,
        client: Client::default(),
        filters: serde_json::from_value(filters).unwrap(),
    }
}

#[tokio::test]
async fn a_req_that_nobody_waits_for_any_more_is_dropped() {
    let mut relay = Fixture::idle(&[("WEBSOCKET__REQ_DEADLINE_S", "1")]).await;
    // The id is the time: this one was enqueued long ago.
    let job = serde_json::to_string(&crate::fixture::req(relay.connection(), json!([{"limit": 1}]))).unwrap();
    let stream = relay.redis.key("queue:nostr:req");
    relay
        .redis
        .run::<String>("XADD", &[&stream, "1000-0", "job", &job])
        .await;
    relay.work();
    until("it is dropped", async || {
        relay.producer.waiting(Queue::Req).await.unwrap() == 0
    })
    .await;
    // The next message is the answer to another one.
    relay.ask(json!([{"kinds": [1], "limit": 1}])).await;
    relay.stored().await;
}

#[tokio::test]
async fn a_count_is_answered_with_a_number() {
    let mut relay = Fixture::start().await;
    with_notes(&relay, 5, "").await;
    let connection = relay.connection();
    relay.push(&count_of(connection, json!([{"kinds": [1]}]))).await;
    let count = Reply::Count {
        connection,
        subscription: SubscriptionId::new("n").unwrap(),
        generation: 7,
        result: r#"{"count":5}"#.to_owned(),
    };
    assert_eq!(relay.reply().await, count);
}

#[tokio::test]
async fn a_key_gets_the_level_that_the_operator_gave_it() {
    let mut relay = Fixture::start().await;
    let trusted = Keys::of("alice").pubkey();
    relay
        .database
        .run(&format!(
            "INSERT INTO trusted_authors (pubkey) VALUES ('\\x{trusted}')"
        ))
        .await;
    let event = EventId::from_bytes([7; 32]);
    for (name, level) in [("alice", AuthLevel::Trusted), ("bob", AuthLevel::Key)] {
        let (connection, pubkey): (_, PublicKey) =
            (relay.connection(), Keys::of(name).pubkey().parse().unwrap());
        relay
            .push(&AuthorizationRequest {
                v: Version,
                connection: connection.as_str().to_owned(),
                event,
                pubkey,
            })
            .await;
        let authorized = Reply::Authorized {
            connection,
            event,
            pubkey,
            level,
        };
        assert_eq!(relay.reply().await, authorized);
    }
}
