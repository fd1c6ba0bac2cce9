//! Replaceable and addressable events (NIP-01): only the latest version stays, whatever the order they come in.

mod fixture;

use std::{cmp::Reverse, sync::Arc};

use fixture::{by_id, connect, found, json, save_batch, save_each, store};
use protocol::VerifiedEvent;
use serde_json::json;
use store::{
    SaveOutcome::{Duplicate, Stored, Superseded},
    Store,
};
use testkit::{Keys, TestDatabase, event, note};
use tokio::task::JoinSet;

fn profile(content: &str, at: u64) -> VerifiedEvent {
    event(0).content(content).at(at).verified()
}

#[tokio::test]
async fn a_newer_version_replaces_the_older() {
    let store = store().await;
    let (old, new) = (profile("old", 1000), profile("new", 1001));
    assert_eq!(save_each(&store, &[&old, &new]).await, [Stored, Stored]);
    assert_eq!(found(&store, json!({})).await, json(&[&new]));
}

#[tokio::test]
async fn an_older_version_is_superseded() {
    let store = store().await;
    let (old, new) = (profile("old", 1000), profile("new", 1001));
    assert_eq!(
        save_each(&store, &[&new, &old, &new]).await,
        [Stored, Superseded, Duplicate]
    );
    assert_eq!(found(&store, json!({})).await, json(&[&new]));
}

#[tokio::test]
async fn of_equally_old_versions_the_lowest_id_stays() {
    let (low, high) = by_id(profile("a", 1000), profile("b", 1000));
    let store = store().await;
    assert_eq!(save_each(&store, &[&low, &high]).await, [Stored, Superseded]);
    assert_eq!(found(&store, json!({})).await, json(&[&low]));
    let store = fixture::store().await;
    assert_eq!(save_each(&store, &[&high, &low]).await, [Stored, Stored]);
    assert_eq!(found(&store, json!({})).await, json(&[&low]));
}

#[tokio::test]
async fn one_batch_may_hold_all_versions() {
    let (low, high) = by_id(profile("a", 1001), profile("b", 1001));
    let old = profile("old", 1000);
    for batch in [[&low, &high, &old], [&old, &high, &low], [&high, &old, &low]] {
        let store = store().await;
        let outcomes = save_batch(&store, &batch).await;
        let expected = batch.map(|event| {
            if event.id() == low.id() {
                Stored
            } else {
                Superseded
            }
        });
        assert_eq!(outcomes, expected);
        assert_eq!(found(&store, json!({})).await, json(&[&low]));
    }
}

#[tokio::test]
async fn each_author_and_kind_has_its_own() {
    let store = store().await;
    let events = [
        event(0).at(1003).verified(),
        event(3).at(1002).verified(),
        event(10_002).at(1001).verified(),
        event(0).by("bob").at(1000).verified(),
    ];
    let all: Vec<&VerifiedEvent> = events.iter().collect();
    assert_eq!(save_batch(&store, &all).await, [Stored; 4]);
    assert_eq!(found(&store, json!({})).await, json(&all));
}

#[tokio::test]
async fn addressable_events_are_told_apart_by_their_first_d_tag() {
    let store = store().await;
    let article = |d: &str, at: u64| event(30_023).tag(["d", d]).at(at).verified();
    let (a, b, newer) = (article("a", 1000), article("b", 1001), article("a", 1002));
    assert_eq!(save_each(&store, &[&a, &b, &newer]).await, [Stored; 3]);
    assert_eq!(found(&store, json!({})).await, json(&[&newer, &b]));
    let second_d = event(30_023).tag(["d", "c"]).tag(["d", "a"]).at(1003).verified();
    assert_eq!(save_each(&store, &[&second_d]).await, [Stored]);
    assert_eq!(
        found(&store, json!({"#d": ["a"]})).await,
        json(&[&second_d, &newer])
    );
}

#[tokio::test]
async fn a_missing_d_tag_is_an_empty_one() {
    let store = store().await;
    let versions = [
        event(30_000).at(1000).verified(),
        event(30_000).tag(["d"]).at(1001).verified(),
        event(30_000).tag(["d", ""]).at(1002).verified(),
    ];
    assert_eq!(save_each(&store, &versions.each_ref()).await, [Stored; 3]);
    assert_eq!(found(&store, json!({})).await, json(&[&versions[2]]));
}

#[tokio::test]
async fn a_replaceable_event_ignores_d_tags() {
    let store = store().await;
    let (a, b) = (
        event(10_000).tag(["d", "a"]).at(1).verified(),
        event(10_000).tag(["d", "b"]).at(2).verified(),
    );
    assert_eq!(save_each(&store, &[&a, &b]).await, [Stored; 2]);
    assert_eq!(found(&store, json!({})).await, json(&[&b]));
}

#[tokio::test]
async fn regular_events_never_replace() {
    let store = store().await;
    let events = [
        event(1).at(1001).verified(),
        event(1).at(1000).verified(),
        event(44_444).at(999).verified(),
    ];
    assert_eq!(save_each(&store, &events.each_ref()).await, [Stored; 3]);
    assert_eq!(found(&store, json!({})).await, json(&events.each_ref()));
}

#[tokio::test]
async fn a_replaced_version_is_found_by_no_tag() {
    let store = store().await;
    let old = event(10_003)
        .tag(["r", "x"])
        .tag(["t", "kept"])
        .at(1000)
        .verified();
    let new = event(10_003).tag(["t", "kept"]).at(1001).verified();
    save_each(&store, &[&old, &new]).await;
    assert!(found(&store, json!({"#r": ["x"]})).await.is_empty());
    assert_eq!(found(&store, json!({"#t": ["kept"]})).await, json(&[&new]));
}

/// What the writers below fight over: versions of the same few events, notes that are to be deleted, their deletions, and notes
/// that expire, each by an author whom nobody knows yet.
fn contested() -> Vec<VerifiedEvent> {
    let article = |n: u64, d: &str| {
        event(30_023)
            .tag(["d", d])
            .content(&n.to_string())
            .at(1000 + n % 5)
    };
    let deleted = |n: u64| note(&n.to_string()).at(1000).verified();
    let address = format!("30023:{}:y", Keys::of("alice").pubkey());
    let event_of = |n: u64| match n % 7 {
        0 => event(0).content(&n.to_string()).at(1000 + n % 5).verified(),
        1 => article(n, "x").verified(),
        2 => event(10_002)
            .by("bob")
            .content(&n.to_string())
            .at(1000)
            .verified(),
        3 => note("expires")
            .by(&format!("author {n}"))
            .tag(["expiration", "1500"])
            .at(1000)
            .verified(),
        4 => deleted(n),
        5 => event(5)
            .tag(["e", &deleted(n - 1).id().to_string()])
            .tag(["e", &deleted((n + 28) % 210 / 7 * 7 + 4).id().to_string()])
            .tag(["a", &address])
            .at(1003)
            .verified(),
        _ => article(n, "y").verified(),
    };
    (0..210).map(event_of).collect()
}

/// One of several workers: saves batches that overlap in an order of its own, and removes what has expired.
async fn contend(store: Store, events: Arc<Vec<VerifiedEvent>>, writer: usize) {
    let step = writer * 2 + 1;
    for start in 0..30 {
        let batch: Vec<_> = (0..14)
            .map(|n| &events[(start * 11 + n * step) % events.len()])
            .collect();
        let saved = store.save(&batch).await.expect("no deadlock");
        assert_eq!(saved.outcomes.len(), batch.len());
        store.remove_expired(1500, 5).await.expect("no deadlock");
    }
}

/// Deadlocks that Postgres has ended. Sessions tell of theirs when they are over.
async fn deadlocks(database: &TestDatabase) -> i64 {
    let mut session = database.connect().await;
    loop {
        let (others, deadlocks): (i64, i64) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM pg_stat_activity a WHERE a.datname = d.datname
                AND a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()), d.deadlocks
            FROM pg_stat_database d WHERE d.datname = current_database()",
        )
        .fetch_one(&mut session)
        .await
        .expect("statistics");
        if others == 0 {
            return deadlocks;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_at_once_leave_one_winner_and_never_deadlock() {
    let (database, events) = (TestDatabase::create().await, Arc::new(contested()));
    let mut writers = JoinSet::new();
    for worker in 0..4 {
        let store = connect(&database).await;
        for task in 0..3 {
            writers.spawn(contend(store.clone(), Arc::clone(&events), worker * 3 + task));
        }
    }
    writers.join_all().await;
    assert_eq!(deadlocks(&database).await, 0);

    let store = connect(&database).await;
    save_batch(&store, &events.iter().collect::<Vec<_>>()).await;
    let newest = |of: &dyn Fn(&VerifiedEvent) -> bool| {
        let versions = events.iter().filter(|event| of(event));
        let newest = versions.min_by_key(|event| (Reverse(event.created_at), event.id()));
        json(&[newest.expect("some")])
    };
    for kind in [0, 10_002] {
        let stays = found(&store, json!({"kinds": [kind]})).await;
        assert_eq!(stays, newest(&|event| event.kind.0 == kind));
    }
    for d in ["x", "y"] {
        let stays = found(&store, json!({"kinds": [30_023], "#d": [d]})).await;
        assert_eq!(
            stays,
            newest(&|event| event.kind.0 == 30_023 && event.tags.first_value("d") == Some(d))
        );
    }
    let of_alice = json!({"kinds": [1], "authors": [Keys::of("alice").pubkey()]});
    assert!(found(&store, of_alice).await.is_empty(), "they are deleted");
    let expiring = events.iter().filter(|event| event.content == "expires").count();
    assert_eq!(store.remove_expired(1500, 1000).await.unwrap(), expiring as u64);
}
