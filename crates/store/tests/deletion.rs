//! Deletion requests (NIP-09): kind 5, `e` and `a` tags, only the author's own.

mod fixture;

use fixture::{found, json, save_batch, save_each, store};
use protocol::VerifiedEvent;
use serde_json::json;
use store::SaveOutcome::{Deleted, Stored, Superseded};
use testkit::{Keys, event, note};

fn deletion_of(event: &VerifiedEvent, by: &str, at: u64) -> VerifiedEvent {
    testkit::event(5)
        .by(by)
        .tag(["e", &event.id().to_string()])
        .at(at)
        .verified()
}

fn address(kind: u16, author: &str, d: &str) -> String {
    format!("{kind}:{}:{d}", Keys::of(author).pubkey())
}

#[tokio::test]
async fn a_deleted_event_is_gone_and_the_request_stays() {
    let store = store().await;
    let note = note("regret").tag(["t", "x"]).at(1000).verified();
    let deletion = deletion_of(&note, "alice", 1001);
    assert_eq!(save_each(&store, &[&note, &deletion]).await, [Stored, Stored]);
    assert_eq!(found(&store, json!({})).await, json(&[&deletion]));
    assert!(found(&store, json!({"#t": ["x"]})).await.is_empty());
    assert_eq!(
        found(&store, json!({"kinds": [5], "#e": [note.id()]})).await,
        json(&[&deletion])
    );
}

#[tokio::test]
async fn a_deleted_event_does_not_come_back() {
    let store = store().await;
    let note = note("regret").at(1000).verified();
    let deletion = deletion_of(&note, "alice", 1001);
    assert_eq!(
        save_each(&store, &[&note, &deletion, &note]).await,
        [Stored, Stored, Deleted]
    );
    assert_eq!(found(&store, json!({})).await, json(&[&deletion]));
}

#[tokio::test]
async fn an_event_that_comes_after_its_deletion_is_refused() {
    let store = store().await;
    let note = note("late").at(1000).verified();
    let deletion = deletion_of(&note, "alice", 1001);
    assert_eq!(save_each(&store, &[&deletion, &note]).await, [Stored, Deleted]);
}

#[tokio::test]
async fn one_batch_may_hold_event_and_deletion_in_either_order() {
    let note = note("short-lived").at(1000).verified();
    let deletion = deletion_of(&note, "alice", 1001);
    for batch in [[&note, &deletion], [&deletion, &note]] {
        let store = store().await;
        save_batch(&store, &batch).await;
        assert_eq!(found(&store, json!({})).await, json(&[&deletion]));
    }
}

#[tokio::test]
async fn nobody_deletes_what_is_not_theirs() {
    let store = store().await;
    let note = note("mine").at(1000).verified();
    let deletion = deletion_of(&note, "mallory", 1001);
    assert_eq!(save_each(&store, &[&note, &deletion]).await, [Stored, Stored]);
    assert_eq!(found(&store, json!({"kinds": [1]})).await, json(&[&note]));
}

#[tokio::test]
async fn nobody_blocks_what_is_not_theirs() {
    let store = store().await;
    let note = note("mine").at(1000).verified();
    let by_mallory = deletion_of(&note, "mallory", 999);
    assert_eq!(save_each(&store, &[&by_mallory, &note]).await, [Stored, Stored]);
    // The author's own request still works beside it.
    let own = deletion_of(&note, "alice", 1001);
    assert_eq!(save_each(&store, &[&own, &note]).await, [Stored, Deleted]);
}

#[tokio::test]
async fn a_deletion_request_cannot_be_deleted() {
    let store = store().await;
    let first = event(5).tag(["e", &"0".repeat(64)]).at(1000).verified();
    let second = deletion_of(&first, "alice", 1001);
    assert_eq!(save_each(&store, &[&first, &second]).await, [Stored, Stored]);
    assert_eq!(
        found(&store, json!({"kinds": [5]})).await,
        json(&[&second, &first])
    );
    let store = fixture::store().await;
    assert_eq!(save_each(&store, &[&second, &first]).await, [Stored, Stored]);
}

#[tokio::test]
async fn an_address_is_deleted_up_to_the_time_of_the_request() {
    let store = store().await;
    let version = |at: u64| {
        event(30_023)
            .tag(["d", "x"])
            .content(&at.to_string())
            .at(at)
            .verified()
    };
    let deletion = event(5)
        .tag(["a", &address(30_023, "alice", "x")])
        .at(2000)
        .verified();
    let (older, same, newer) = (version(1000), version(2000), version(2001));
    assert_eq!(
        save_each(&store, &[&older, &deletion, &older, &same, &newer]).await,
        [Stored, Stored, Deleted, Deleted, Stored]
    );
    assert_eq!(found(&store, json!({"kinds": [30_023]})).await, json(&[&newer]));
    assert_eq!(save_each(&store, &[&deletion_at(1500)]).await, [Stored]);
    assert_eq!(found(&store, json!({"kinds": [30_023]})).await, json(&[&newer]));
    // The latest request counts, in whichever order they came.
    assert_eq!(save_each(&store, &[&same]).await, [Deleted]);
    fn deletion_at(at: u64) -> VerifiedEvent {
        event(5)
            .tag(["a", &address(30_023, "alice", "x")])
            .at(at)
            .verified()
    }
}

#[tokio::test]
async fn a_replaceable_event_is_deleted_by_its_address() {
    let store = store().await;
    let profile = event(0).at(1000).verified();
    let deletion = event(5).tag(["a", &address(0, "alice", "")]).at(1000).verified();
    assert_eq!(
        save_each(&store, &[&profile, &deletion, &profile]).await,
        [Stored, Stored, Deleted]
    );
    assert_eq!(found(&store, json!({})).await, json(&[&deletion]));
}

#[tokio::test]
async fn an_address_of_somebody_else_is_left_alone() {
    let store = store().await;
    let article = event(30_023).tag(["d", "x"]).at(1000).verified();
    let deletion = event(5)
        .by("mallory")
        .tag(["a", &address(30_023, "alice", "x")])
        .at(2000)
        .verified();
    assert_eq!(save_each(&store, &[&article, &deletion]).await, [Stored, Stored]);
    assert_eq!(found(&store, json!({"kinds": [30_023]})).await, json(&[&article]));
}

#[tokio::test]
async fn odd_targets_do_no_harm() {
    let store = store().await;
    let deletion = event(5)
        .tag(["e"])
        .tag(["e", "nonsense"])
        .tag(["e", &"F".repeat(64)])
        .tag(["a", "30023:x:y"])
        .tag(["a", &address(1, "alice", "")])
        .tag(["E", &"1".repeat(64)])
        .at(1000)
        .verified();
    let note = note("untouched").at(999).verified();
    assert_eq!(save_each(&store, &[&note, &deletion]).await, [Stored, Stored]);
    assert_eq!(found(&store, json!({})).await, json(&[&deletion, &note]));
}

/// The older version loses within its batch; since its rival turns out to be deleted by id, it is the latest after all.
#[tokio::test]
async fn a_version_whose_rival_was_deleted_is_stored() {
    let store = store().await;
    let (old, new) = (
        event(0).content("old").at(1000).verified(),
        event(0).content("new").at(1001).verified(),
    );
    let deletion = deletion_of(&new, "alice", 1002);
    assert_eq!(save_each(&store, &[&deletion]).await, [Stored]);
    assert_eq!(save_batch(&store, &[&old, &new]).await, [Stored, Deleted]);
    assert_eq!(found(&store, json!({"kinds": [0]})).await, json(&[&old]));
}

#[tokio::test]
async fn a_deletion_frees_its_address_for_nothing_older() {
    let store = store().await;
    let version = |at: u64| event(10_002).content(&at.to_string()).at(at).verified();
    let (old, new) = (version(1000), version(1001));
    let deletion = deletion_of(&new, "alice", 1002);
    assert_eq!(
        save_each(&store, &[&new, &old, &deletion]).await,
        [Stored, Superseded, Stored]
    );
    assert_eq!(save_each(&store, &[&new]).await, [Deleted]);
}

#[tokio::test]
async fn by_what_an_event_was_deleted_is_known() {
    let store = store().await;
    let note = note("regretted").at(1000).verified();
    let deletion = deletion_of(&note, "alice", 1001);
    save_each(&store, &[&note]).await;
    assert_eq!(store.deletion_of(note.id()).await.unwrap(), None);
    save_each(&store, &[&deletion]).await;
    assert_eq!(store.deletion_of(note.id()).await.unwrap(), Some(deletion.id()));
}

/// A deletion request that was signed for another (NIP-26), which that other asked to delete before it came.
#[tokio::test]
async fn a_delegated_request_cannot_be_deleted_either() {
    let store = store().await.with_delegation(true);
    let note = note("regret").by("bob").at(1000).verified();
    let request = testkit::event(5)
        .by("bob")
        .at(1001)
        .tag(["e", &note.id().to_string()])
        .tag([
            "delegation",
            &Keys::of("alice").pubkey(),
            "",
            "checked by whoever saves",
        ])
        .verified();
    let against_it = deletion_of(&request, "alice", 1002);
    assert_eq!(
        save_each(&store, &[&note, &against_it, &request]).await,
        [Stored, Stored, Stored]
    );
    assert_eq!(found(&store, json!({})).await, json(&[&against_it, &request]));
}
