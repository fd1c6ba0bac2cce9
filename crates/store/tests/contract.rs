//! What is saved comes back, byte for byte, once.

mod fixture;

use fixture::{NOW, found, json, save_batch, save_each, store};
use protocol::{AuthLevel, Reader};
use serde_json::json;
use sqlx::Executor;
use store::SaveOutcome::{Duplicate, Stored};
use testkit::{Keys, TestDatabase, event, note};

#[tokio::test]
async fn an_event_comes_back_byte_for_byte() {
    let store = store().await;
    let event = note("nul \u{0}, escapes \" \\ \n \u{1f} and \u{1f980}")
        .tag(["t", "nul \u{0} in a tag"])
        .at(1000)
        .verified();
    assert_eq!(save_batch(&store, &[&event]).await, [Stored]);
    assert_eq!(found(&store, json!({"ids": [event.id()]})).await, json(&[&event]));
    assert_eq!(
        found(&store, json!({"#t": ["nul \u{0} in a tag"]})).await,
        json(&[&event])
    );
}

#[tokio::test]
async fn a_second_copy_is_a_duplicate() {
    let store = store().await;
    let event = note("once").at(1000).verified();
    assert_eq!(save_each(&store, &[&event, &event]).await, [Stored, Duplicate]);
    assert_eq!(found(&store, json!({})).await, json(&[&event]));
}

#[tokio::test]
async fn a_second_copy_in_one_batch_is_a_duplicate() {
    let store = store().await;
    let (one, two) = (note("one").at(1000).verified(), note("two").at(1001).verified());
    assert_eq!(
        save_batch(&store, &[&one, &two, &one]).await,
        [Stored, Stored, Duplicate]
    );
}

#[tokio::test]
async fn nothing_to_save_is_nothing_to_do() {
    assert!(save_batch(&store().await, &[]).await.is_empty());
}

#[tokio::test]
async fn the_largest_created_at_is_stored() {
    let store = store().await;
    let event = note("far").at(protocol::MAX_CREATED_AT).verified();
    assert_eq!(save_batch(&store, &[&event]).await, [Stored]);
    assert_eq!(
        found(&store, json!({"since": protocol::MAX_CREATED_AT})).await,
        json(&[&event])
    );
}

#[tokio::test]
async fn thousands_of_tags_are_found_by_each() {
    let store = store().await;
    let contacts = (0..2000)
        .fold(event(3).at(1000), |list, n| list.tag(["p", &format!("{n:064x}")]))
        .verified();
    assert_eq!(save_batch(&store, &[&contacts]).await, [Stored]);
    for n in [0, 999, 1999] {
        assert_eq!(
            found(&store, json!({"#p": [format!("{n:064x}")]})).await,
            json(&[&contacts])
        );
    }
}

#[tokio::test]
async fn accepted_events_are_told_in_the_order_of_commits() {
    let store = store().await;
    let events = [
        note("a").at(3).verified(),
        note("b").at(1).verified(),
        note("c").at(2).verified(),
    ];
    let first = store.save(&[&events[0]]).await.unwrap().last_seq.expect("stored");
    save_batch(&store, &[&events[1], &events[2]]).await;
    let after: Vec<_> = store.accepted_after(first, 10, u32::MAX).await.unwrap();
    let told: Vec<&[u8]> = after.iter().map(|accepted| accepted.json.as_ref()).collect();
    assert_eq!(told, [events[1].json().as_bytes(), events[2].json().as_bytes()]);
    assert_eq!(
        store.accepted_after(first, 1, u32::MAX).await.unwrap()[0].json,
        events[2].json().as_bytes()
    );
}

#[tokio::test]
async fn what_is_told_again_has_a_bound_in_bytes() {
    let store = store().await;
    let events: Vec<_> = (0..4)
        .map(|n| note(&n.to_string().repeat(1000)).at(n).verified())
        .collect();
    save_batch(&store, &events.iter().collect::<Vec<_>>()).await;
    let size = events[0].json().len() as u32;
    let told = async |bytes: u32| {
        let accepted = store.accepted_after(0, 10, bytes).await.unwrap();
        accepted
            .into_iter()
            .map(|accepted| accepted.json)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        told(2 * size).await,
        [events[2].json(), events[3].json()],
        "the newest"
    );
    assert_eq!(told(2 * size - 1).await, [events[3].json()]);
    assert_eq!(told(u32::MAX).await.len(), 4);
}

#[tokio::test]
async fn auth_levels_follow_the_tables() {
    let database = TestDatabase::create().await;
    let store = fixture::connect(&database).await;
    let level = async |name: &str| {
        let pubkey = Keys::of(name).pubkey().parse().unwrap();
        store.auth_level(pubkey).await.unwrap()
    };
    let sql = format!(
        "INSERT INTO users (email, password_hash) VALUES ('u@example.com', '');
         INSERT INTO user_pubkeys (pubkey, user_id) SELECT decode('{user}', 'hex'), id FROM users;
         INSERT INTO author_subscriptions (pubkey, expires_at)
         VALUES (decode('{paid}', 'hex'), now() + interval '1 day'), (decode('{lapsed}', 'hex'), now() - interval '1 day');
         INSERT INTO trusted_authors (pubkey) VALUES (decode('{trusted}', 'hex'));",
        user = Keys::of("user").pubkey(),
        paid = Keys::of("paid").pubkey(),
        lapsed = Keys::of("lapsed").pubkey(),
        trusted = Keys::of("trusted").pubkey(),
    );
    database
        .connect()
        .await
        .execute(sqlx::AssertSqlSafe(sql))
        .await
        .unwrap();
    assert_eq!(level("stranger").await, AuthLevel::Key);
    assert_eq!(level("lapsed").await, AuthLevel::Key);
    assert_eq!(level("user").await, AuthLevel::Registered);
    assert_eq!(level("paid").await, AuthLevel::Subscriber);
    assert_eq!(level("trusted").await, AuthLevel::Trusted);
}

#[tokio::test]
async fn migrating_twice_changes_nothing() {
    let store = store().await;
    store.migrate().await.unwrap();
    store.migrate().await.unwrap();
    store.ping().await.unwrap();
    assert_eq!(
        store
            .count(&[fixture::filter(json!({}))], &Reader::OPERATOR, NOW)
            .await
            .unwrap(),
        0
    );
}
