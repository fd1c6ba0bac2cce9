//! Postgres stops, breaks connections, holds locks, runs out of space: what was answered true is stored, and the relay is
//! back by itself.

use std::time::Duration;

use rand::{Rng, distr::Alphanumeric};
use serde_json::json;
use testkit::{Load, PrivatePostgres, Stack, StackBuilder, TestRedis, note};
use tokio::time::sleep;

#[tokio::test]
async fn postgres_is_stopped_at_once_and_comes_back() {
    let mut postgres = PrivatePostgres::start().await;
    let stack = Stack::builder().postgres(postgres.url()).start().await;
    let mut load = Load::start(&stack.url(), "alice").await;
    for _ in 0..2 {
        load.goes_on(100).await;
        postgres.stop_at_once();
        postgres.start_again().await;
    }
    let written = load.settle(&stack).await;
    assert_eq!(written.cut_off, 0, "no client noticed");
}

#[tokio::test]
async fn its_connections_are_terminated_again_and_again() {
    let postgres = PrivatePostgres::start().await;
    let stack = Stack::builder().postgres(postgres.url()).workers(2).start().await;
    let mut load = Load::start(&stack.url(), "alice").await;
    for _ in 0..5 {
        load.goes_on(50).await;
        postgres
            .run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'switchyard-%'")
            .await;
    }
    let written = load.settle(&stack).await;
    written.has_noticed_nothing();
}

/// Answers that are owed do not hold a test up.
fn impatient(postgres: &PrivatePostgres) -> StackBuilder {
    Stack::builder()
        .postgres(postgres.url())
        .set("WEBSOCKET__EVENT_DEADLINE_S", 2)
        .set("WEBSOCKET__REQ_DEADLINE_S", 2)
        .set("WEBSOCKET__COUNT_DEADLINE_S", 2)
        .set("POSTGRES__STATEMENT_TIMEOUT_MS", 1_000)
}

#[tokio::test]
async fn a_lock_on_events_holds_up_and_loses_nothing() {
    let postgres = PrivatePostgres::start().await;
    let stack = impatient(&postgres).workers(2).start().await;
    let mut client = stack.client().await;
    let mut load = Load::start(&stack.url(), "alice").await;
    load.goes_on(100).await;
    let lock = postgres.hold("LOCK TABLE events IN ACCESS EXCLUSIVE MODE").await;
    let ok = client.publish(&note("held up").by("carol").sign()).await;
    assert!(!ok.accepted && ok.message.starts_with("error: "), "{ok:?}");
    client.start("s", &[json!({"kinds": [1]})]).await;
    let closed = client.expect("CLOSED").await;
    assert!(closed[2].as_str().unwrap().starts_with("error: "), "{closed}");
    drop(lock);
    load.goes_on(100).await;
    let written = load.settle(&stack).await;
    assert_eq!(written.cut_off, 0, "no client noticed");
}

/// With the settings as they are: statements are cancelled after five seconds, jobs are tried five times, and an OK has thirty.
#[tokio::test]
async fn a_lock_for_twenty_seconds_costs_no_event_its_ok() {
    let postgres = PrivatePostgres::start().await;
    let stack = Stack::builder().postgres(postgres.url()).workers(2).start().await;
    let mut load = Load::start(&stack.url(), "alice").await;
    load.goes_on(100).await;
    let lock = postgres.hold("LOCK TABLE events IN ACCESS EXCLUSIVE MODE").await;
    // The fault itself: there is nothing to wait for.
    sleep(Duration::from_secs(20)).await;
    drop(lock);
    load.goes_on(100).await;
    let written = load.settle(&stack).await;
    assert_eq!(written.cut_off, 0, "no client noticed");
    assert!(written.refused.is_empty(), "{:?}", written.refused);
    assert!(written.outage > Duration::from_secs(18), "it was locked");
    let redis = TestRedis::connect().await;
    for queue in ["event", "req", "count"] {
        let dead: u64 = redis
            .run("XLEN", &[&stack.key(&format!("queue:nostr:{queue}:dead"))])
            .await;
        assert_eq!(dead, 0, "dead letters of {queue}");
    }
}

#[tokio::test]
async fn postgres_stalls() {
    let postgres = PrivatePostgres::start().await;
    let stack = impatient(&postgres).workers(2).start().await;
    let mut client = stack.client().await;
    let mut load = Load::start(&stack.url(), "alice").await;
    load.goes_on(100).await;
    postgres.freeze();
    let ok = client.publish(&note("while it stalls").by("carol").sign()).await;
    assert!(!ok.accepted && ok.message.starts_with("error: "), "{ok:?}");
    postgres.thaw();
    load.goes_on(100).await;
    let written = load.settle(&stack).await;
    assert_eq!(written.cut_off, 0, "no client noticed");
}

#[tokio::test]
async fn its_disk_is_full() {
    let postgres = PrivatePostgres::start().await;
    let stack = impatient(&postgres).start().await;
    let mut client = stack.client().await;
    let mut load = Load::start(&stack.url(), "alice").await;
    load.goes_on(50).await;
    postgres.set_disk_full(true);
    let mut accepted = Vec::new();
    let refused = loop {
        let text: String = rand::rng()
            .sample_iter(Alphanumeric)
            .take(20_000)
            .map(char::from)
            .collect();
        let big = note(&text).by("carol").sign();
        let ok = client.publish(&big).await;
        if !ok.accepted {
            break ok;
        }
        accepted.push(big["id"].clone());
        assert!(accepted.len() < 300, "the disk is never full");
    };
    assert!(refused.message.starts_with("error: "), "{refused:?}");
    postgres.set_disk_full(false);
    load.goes_on(100).await;
    let written = load.settle(&stack).await;
    assert_eq!(written.cut_off, 0, "no client noticed");
    let stored = client.req("s", &[json!({"ids": accepted})]).await;
    assert_eq!(stored.len(), accepted.len());
}
