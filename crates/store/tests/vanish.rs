//! NIP-62: what vanishes, in which steps, and what stays.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod fixture;

use std::time::Duration;

use fixture::{NOW, found, json, save_each};
use protocol::{Reader, SearchRules, VerifiedEvent};
use serde_json::json;
use store::{
    SaveOutcome::{Stored, Vanished},
    Store,
};
use testkit::{EventBuilder, Keys, TestDatabase, event, note};

fn request(at: u64) -> VerifiedEvent {
    event(62).tag(["relay", "ALL_RELAYS"]).at(at).verified()
}

fn wrap_to(name: &str, at: u64) -> EventBuilder {
    event(1059)
        .by("one-time")
        .tag(["p", &Keys::of(name).pubkey()])
        .at(at)
}

async fn remove_all(store: &Store, step: u32) -> Vec<u64> {
    let mut removed = Vec::new();
    while let Some(step) = store.remove_vanished(step).await.unwrap() {
        removed.push(step);
    }
    removed
}

async fn rows(database: &TestDatabase, table: &'static str) -> i64 {
    let mut connection = database.connect().await;
    sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}")))
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn everything_up_to_the_request_goes_in_steps_and_leaves_nothing_behind() {
    let database = TestDatabase::create().await;
    let rules = SearchRules::new(&[1], &[]).unwrap();
    let store = fixture::connect(&database)
        .await
        .with_search(rules, 100, Duration::from_secs(10));
    store.adopt_search_rules().await.unwrap();
    let notes: Vec<_> = (1..=7)
        .map(|at| note("farewell").tag(["t", "x"]).at(at).verified())
        .collect();
    let deletion = event(5).tag(["e", &"1".repeat(64)]).at(8).verified();
    let later = note("farewell").at(11).verified();
    let (to_alice, to_bob) = (wrap_to("alice", 9).verified(), wrap_to("bob", 9).verified());
    let by_bob = note("farewell, alice")
        .by("bob")
        .tag(["p", &Keys::of("alice").pubkey()])
        .at(9)
        .verified();
    save_each(&store, &notes.iter().collect::<Vec<_>>()).await;
    save_each(&store, &[&deletion, &later, &to_alice, &to_bob, &by_bob]).await;
    while store.follow_search(100).await.unwrap().events > 0 {}
    assert_eq!(rows(&database, "searchable_contents").await, 9);

    let request = request(10);
    assert_eq!(save_each(&store, &[&request]).await, [Stored]);
    assert_eq!(remove_all(&store, 4).await, [4, 4, 1]);
    let (first, second) = fixture::by_id(to_bob, by_bob);
    assert_eq!(
        found(&store, json!({})).await,
        json(&[&later, &request, &first, &second])
    );
    assert_eq!(rows(&database, "searchable_contents").await, 2);
    assert_eq!(rows(&database, "delete_events").await, 0);
    assert_eq!(remove_all(&store, 4).await, Vec::<u64>::new(), "it is done");

    for event in notes.iter().chain([&deletion, &to_alice]) {
        assert_eq!(save_each(&store, &[event]).await, [Vanished]);
    }
    let never_seen = wrap_to("alice", 10).content("late").verified();
    assert_eq!(save_each(&store, &[&never_seen]).await, [Vanished]);
    let new = note("back").at(12).verified();
    assert_eq!(save_each(&store, &[&new]).await, [Stored]);
}

#[tokio::test]
async fn an_older_request_takes_nothing_back_and_a_newer_one_takes_more() {
    let database = TestDatabase::create().await;
    let store = fixture::connect(&database).await;
    save_each(&store, &[&request(10)]).await;
    remove_all(&store, 10).await;
    save_each(&store, &[&request(5)]).await;
    let between = note("between").at(7).verified();
    assert_eq!(save_each(&store, &[&between]).await, [Vanished]);
    let after = note("after").at(15).verified();
    assert_eq!(save_each(&store, &[&after]).await, [Stored]);
    save_each(&store, &[&request(20)]).await;
    assert_eq!(remove_all(&store, 10).await, [1]);
    let requests = json!({"kinds": [62]});
    assert_eq!(found(&store, requests).await.len(), 3, "requests are kept");
    assert_eq!(
        store
            .count(&[fixture::filter(json!({}))], &Reader::OPERATOR, NOW)
            .await
            .unwrap(),
        3
    );
}

/// Bob signs for Alice (NIP-26): it vanishes with Alice, whoever of the two asks.
#[tokio::test]
async fn what_was_signed_for_somebody_vanishes_with_them() {
    let database = TestDatabase::create().await;
    let store = fixture::connect(&database).await.with_delegation(true);
    let alice = Keys::of("alice").pubkey();
    let tag = ["delegation", &alice, "", "checked by whoever saves"];
    let signed = |event: EventBuilder, at: u64| event.by("bob").tag(tag).at(at).verified();
    let theirs: Vec<_> = (1..=3).map(|at| signed(note("for her"), at)).collect();
    let of_both = signed(event(1059).tag(["p", &alice]), 4);
    let own = note("his own").by("bob").at(5).verified();
    let later = signed(note("later"), 11);
    let his_request = signed(event(62).tag(["relay", "ALL_RELAYS"]), 1);
    save_each(&store, &theirs.iter().collect::<Vec<_>>()).await;
    save_each(&store, &[&of_both, &own, &later]).await;
    let before = signed(note("superseded"), 6);
    let request = request(10);
    assert_eq!(save_each(&store, &[&request, &before]).await, [Stored, Vanished]);
    assert_eq!(remove_all(&store, 2).await, [2, 2, 0]);
    assert_eq!(found(&store, json!({})).await, json(&[&later, &request, &own]));
    assert_eq!(rows(&database, "event_delegators").await, 1);
    for event in theirs.iter().chain([&of_both]) {
        assert_eq!(save_each(&store, &[event]).await, [Vanished]);
    }
    assert_eq!(
        save_each(&store, &[&his_request]).await,
        [Stored],
        "his request is his"
    );
}

#[tokio::test]
async fn who_vanished_is_known_and_that_somebody_did() {
    let database = TestDatabase::create().await;
    let store = fixture::connect(&database).await;
    let key = |name: &str| note("").by(name).verified().pubkey;
    let keys = [key("alice"), key("bob")];
    assert_eq!(store.vanish_mark().await.unwrap(), 0);
    save_each(&store, &[&request(10)]).await;
    let first = store.vanish_mark().await.unwrap();
    save_each(&store, &[&request(5)]).await;
    assert_eq!(store.vanish_mark().await.unwrap(), first, "it takes nothing more");
    save_each(&store, &[&request(20)]).await;
    assert!(store.vanish_mark().await.unwrap() > first);
    let until = store.vanished_until(&keys).await.unwrap();
    assert_eq!(until.into_iter().collect::<Vec<_>>(), [(keys[0], 20)]);
}
