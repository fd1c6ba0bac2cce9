//! Redis stops, stalls, forgets, refuses: what was answered true is stored, and the relay is back by itself.

use std::time::Duration;

use testkit::{Client, Load, PrivateRedis, Stack, StackBuilder, note};
use tokio::time::sleep;

/// Answers that are owed when Redis goes do not hold a test up.
fn impatient(redis: &PrivateRedis) -> StackBuilder {
    Stack::builder()
        .redis(redis.url())
        .set("WEBSOCKET__EVENT_DEADLINE_S", 3)
        .set("WEBSOCKET__REQ_DEADLINE_S", 3)
}

/// While Redis is away an EVENT is answered all the same.
async fn is_refused(client: &mut Client) {
    let ok = client
        .publish(&note("while Redis is away").by("carol").sign())
        .await;
    assert!(!ok.accepted && ok.message.starts_with("error: "), "{ok:?}");
}

#[tokio::test]
async fn redis_is_stopped_and_comes_back_with_its_data() {
    let mut redis = PrivateRedis::start().await;
    let stack = impatient(&redis).start().await;
    let mut client = stack.client().await;
    let mut load = Load::start(&stack.url(), "alice").await;
    load.goes_on(100).await;
    redis.stop();
    is_refused(&mut client).await;
    redis.start_again().await;
    load.goes_on(100).await;
    load.settle(&stack).await;
}

#[tokio::test]
async fn redis_comes_back_without_its_data() {
    let mut redis = PrivateRedis::start().await;
    let stack = impatient(&redis).start().await;
    let mut client = stack.client().await;
    let mut load = Load::start(&stack.url(), "alice").await;
    load.goes_on(100).await;
    redis.stop();
    is_refused(&mut client).await;
    redis.start_empty().await;
    load.goes_on(100).await;
    load.settle(&stack).await;
}

#[tokio::test]
async fn redis_stalls() {
    let redis = PrivateRedis::start().await;
    let stack = impatient(&redis).start().await;
    let mut client = stack.client().await;
    let mut load = Load::start(&stack.url(), "alice").await;
    load.goes_on(100).await;
    redis.freeze();
    is_refused(&mut client).await;
    redis.thaw();
    load.goes_on(100).await;
    load.settle(&stack).await;
}

#[tokio::test]
async fn every_pubsub_connection_is_killed_again_and_again() {
    let redis = PrivateRedis::start().await;
    let stack = impatient(&redis).start().await;
    let mut load = Load::start(&stack.url(), "alice").await;
    for _ in 0..5 {
        load.goes_on(50).await;
        redis.order("CLIENT KILL TYPE pubsub").await;
    }
    let written = load.settle(&stack).await;
    assert_eq!(written.cut_off, 0, "no client noticed");
}

/// An order makes Redis refuse what is written to it, and another one ends that.
async fn refuses_for_a_while(refuse: &str, accept: &str) {
    let redis = PrivateRedis::start().await;
    let stack = impatient(&redis).start().await;
    let mut client = stack.client().await;
    let mut load = Load::start(&stack.url(), "alice").await;
    load.goes_on(100).await;
    redis.order(refuse).await;
    is_refused(&mut client).await;
    redis.order(accept).await;
    load.goes_on(100).await;
    let written = load.settle(&stack).await;
    assert_eq!(written.cut_off, 0);
}

#[tokio::test]
async fn redis_is_full() {
    refuses_for_a_while("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0").await;
}

#[tokio::test]
async fn redis_is_a_read_only_replica_for_a_while() {
    refuses_for_a_while("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE").await;
}

#[tokio::test]
async fn redis_drops_a_subscriber_whose_buffer_overflows() {
    let redis = PrivateRedis::start().await;
    let stack = impatient(&redis).start().await;
    let mut load = Load::start(&stack.url(), "alice").await;
    load.goes_on(50).await;
    // Less than one page of new events.
    redis
        .order("CONFIG SET client-output-buffer-limit pubsub\u{20}16kb\u{20}0\u{20}0")
        .await;
    stack.relays[0].freeze();
    // Replies and new events gather in front of it.
    sleep(Duration::from_millis(500)).await;
    stack.relays[0].thaw();
    load.goes_on(100).await;
    load.settle(&stack).await;
}
