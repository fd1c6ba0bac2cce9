//! What becomes of events, and what their senders are told.

use protocol::VerifiedEvent;
use pubsub::Reply;
use queue::{
    Queue,
    jobs::{Client, NewEventsJson},
};
use testkit::{event, note};

use crate::fixture::Fixture;

fn told(event: &VerifiedEvent, accepted: bool, message: &str) -> (protocol::EventId, bool, String) {
    (event.id(), accepted, message.to_owned())
}

#[tokio::test]
async fn an_event_is_stored_then_published_then_accepted() {
    let mut relay = Fixture::start().await;
    let note = note("hello").verified();
    let sender = relay.submit(&[&note]).await;
    assert_eq!(relay.live().await, [note.id()]);
    assert!(relay.is_stored(&note).await);
    let ok = Reply::Ok {
        connection: sender,
        event: note.id(),
        accepted: true,
        message: String::new(),
    };
    assert_eq!(relay.reply().await, ok);
}

#[tokio::test]
async fn a_duplicate_is_accepted_and_not_published() {
    let mut relay = Fixture::start().await;
    let note = note("").verified();
    relay.submit(&[&note]).await;
    assert_eq!(relay.live().await, [note.id()]);
    assert_eq!(relay.oks().await, [told(&note, true, "")]);
    relay.submit(&[&note]).await;
    assert_eq!(
        relay.oks().await,
        [told(&note, true, "duplicate: already have this event")]
    );
}

#[tokio::test]
async fn old_versions_and_deleted_events_are_said_to_be() {
    let mut relay = Fixture::start().await;
    let old = event(0).at(1000).verified();
    let new = event(0).at(1001).verified();
    let gone = note("a mistake").at(1000).verified();
    let deletion = event(5).tag(["e", &gone.id().to_string()]).verified();
    relay.submit(&[&new, &deletion]).await;
    assert_eq!(relay.live().await.len(), 2);
    assert_eq!(relay.oks().await.len(), 2);
    relay.submit(&[&old, &gone]).await;
    assert_eq!(
        relay.oks().await,
        [
            told(&old, true, "duplicate: a newer version is already stored"),
            told(&gone, false, "blocked: the author deleted this event"),
        ]
    );
}

#[tokio::test]
async fn ephemeral_events_are_published_and_never_stored() {
    let mut relay = Fixture::start().await;
    let passing = event(20_001).verified();
    relay.submit(&[&passing]).await;
    assert_eq!(relay.live().await, [passing.id()]);
    let replies = relay.replies().await;
    assert!(
        matches!(&replies[..], [Reply::PassedOn { event, receivers: 1, .. }] if *event == passing.id()),
        "{replies:?}"
    );
    assert!(!relay.is_stored(&passing).await);
}

#[tokio::test]
async fn what_policy_refuses_does_not_hold_up_its_neighbours() {
    let mut relay = Fixture::start().await;
    let (welcome, protected) = (note("").verified(), note("").tag(["-"]).verified());
    relay.submit(&[&protected, &welcome]).await;
    assert_eq!(relay.live().await, [welcome.id()]);
    let refusal = "auth-required: this event may only be published by its author";
    assert_eq!(
        relay.oks().await,
        [told(&protected, false, refusal), told(&welcome, true, "")]
    );
}

#[tokio::test]
async fn an_authenticated_author_publishes_protected_events() {
    let mut relay = Fixture::start().await;
    let protected = note("").tag(["-"]).verified();
    let author = Client {
        pubkeys: vec![protected.pubkey],
        ..Client::default()
    };
    let mut job = NewEventsJson::default();
    job.push(relay.connection().as_str(), &author, None, protected.json());
    relay.push_json(Queue::Event, job).await;
    assert_eq!(relay.live().await, [protected.id()]);
    assert_eq!(relay.oks().await, [told(&protected, true, "")]);
}

#[tokio::test]
async fn what_cannot_be_read_does_not_hold_up_its_neighbours() {
    let mut relay = Fixture::start().await;
    let (welcome, stranger) = (note("").verified(), Client::default());
    let mut job = NewEventsJson::default();
    job.push(relay.connection().as_str(), &stranger, None, r#"{"id":1}"#);
    job.push("nobody", &stranger, None, note("lost").verified().json());
    job.push(relay.connection().as_str(), &stranger, None, welcome.json());
    relay.push_json(Queue::Event, job).await;
    assert_eq!(relay.live().await, [welcome.id()]);
    assert_eq!(relay.oks().await, [told(&welcome, true, "")]);
    assert_eq!(relay.dead().await, 0);
}

#[tokio::test]
async fn a_minimum_level_keeps_strangers_out() {
    let mut relay = Fixture::idle(&[("AUTH__MIN_LEVEL_EVENT", "2"), ("AUTH__MIN_LEVEL_REQ", "1")]).await;
    relay.work();
    let note = note("").verified();
    relay.submit(&[&note]).await;
    assert_eq!(
        relay.oks().await,
        [told(&note, false, "auth-required: authenticate first (NIP-42)")]
    );
    relay.ask(serde_json::json!([{"limit": 1}])).await;
    let Reply::Closed { reason, .. } = relay.reply().await else {
        panic!("a CLOSED expected")
    };
    assert_eq!(reason, "auth-required: authenticate first (NIP-42)");
}
