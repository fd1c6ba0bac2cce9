//! Replaceable and addressable events (NIP-01): only the latest version stays, whatever the order they come in.

mod fixture;

use std::sync::Arc;

use fixture::{by_id, found, json, save_batch, save_each, store};
use protocol::VerifiedEvent;
use serde_json::json;
use store::SaveOutcome::{self, Duplicate, Stored, Superseded};
use testkit::event;

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

/// Many writers save versions of the same few events at once, in batches that overlap in different orders.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_at_once_leave_one_winner_and_never_deadlock() {
    let store = store().await;
    let versions: Arc<Vec<VerifiedEvent>> = Arc::new(
        (0..120_u64)
            .map(|n| match n % 3 {
                0 => event(0).content(&n.to_string()).at(1000 + n % 7),
                1 => event(30_023)
                    .tag(["d", "x"])
                    .content(&n.to_string())
                    .at(1000 + n % 5),
                _ => event(10_002).by("bob").content(&n.to_string()).at(1000),
            })
            .map(|builder| builder.verified())
            .collect(),
    );
    let writers: Vec<_> = (0..12_usize)
        .map(|writer| {
            let (store, versions) = (store.clone(), Arc::clone(&versions));
            tokio::spawn(async move {
                let mut outcomes: Vec<SaveOutcome> = Vec::new();
                for start in 0..30 {
                    let step = writer * 2 + 1;
                    let batch: Vec<_> = (0..10)
                        .map(|n| &versions[(start * 7 + n * step) % versions.len()])
                        .collect();
                    outcomes.extend(store.save(&batch).await.expect("no deadlock").outcomes);
                }
                outcomes
            })
        })
        .collect();
    for writer in writers {
        assert_eq!(writer.await.unwrap().len(), 300);
    }
    save_batch(&store, &versions.iter().collect::<Vec<_>>()).await;
    let winner = |kind: u16| {
        let of_kind = versions.iter().filter(|event| event.kind.0 == kind);
        of_kind
            .min_by_key(|event| (std::cmp::Reverse(event.created_at), event.id()))
            .expect("some")
    };
    for kind in [0, 10_002, 30_023] {
        assert_eq!(
            found(&store, json!({"kinds": [kind]})).await,
            json(&[winner(kind)])
        );
    }
}
