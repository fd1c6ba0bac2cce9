//! Redis stops, stalls, forgets, refuses: what was answered true is stored, and the relay is back by itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::{Value, json};
use testkit::{Client, Load, PrivateRedis, Stack, StackBuilder, note};
use tokio::time::{Instant, sleep, sleep_until};

/// How long a condition may take to come true.
const PATIENCE: Duration = Duration::from_secs(10);

/// Answers that are owed when Redis goes do not hold a test up.
fn impatient(redis: &PrivateRedis) -> StackBuilder {
    Stack::builder()
        .redis(redis.url())
        .set("WEBSOCKET__EVENT_DEADLINE_S", 3)
        .set("WEBSOCKET__REQ_DEADLINE_S", 3)
        .set("WEBSOCKET__COUNT_DEADLINE_S", 3)
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
    let stopped = Instant::now();
    is_refused(&mut client).await;
    // Longer than any command waits for its answer.
    sleep_until(stopped + Duration::from_secs(10)).await;
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
    let stack = Stack::builder().redis(redis.url()).start().await;
    let mut load = Load::start(&stack.url(), "alice").await;
    for _ in 0..5 {
        load.goes_on(50).await;
        assert_eq!(kill_subscriber(&redis).await, 1, "the relay-ws is subscribed");
    }
    load.settle(&stack).await.has_noticed_nothing();
}

/// Ends every pub/sub connection: how many there were.
async fn kill_subscriber(redis: &PrivateRedis) -> u64 {
    redis.number(&["CLIENT", "KILL", "TYPE", "pubsub"]).await
}

/// Waits until so many jobs are in a queue, taken or not.
async fn until_jobs(redis: &PrivateRedis, stack: &Stack, queue: &str, jobs: u64) {
    let (queue, deadline) = (
        stack.key(&format!("queue:nostr:{queue}")),
        Instant::now() + PATIENCE,
    );
    while redis.number(&["XLEN", &queue]).await != jobs {
        assert!(Instant::now() < deadline, "there are never {jobs} jobs");
        sleep(Duration::from_millis(10)).await;
    }
}

/// What is stored needs no answer of a worker: its OK comes with what is made up for, long before the deadline.
#[tokio::test]
async fn oks_that_are_lost_with_the_pubsub_connection_come_all_the_same() {
    let redis = PrivateRedis::start().await;
    let stack = Stack::builder().redis(redis.url()).start().await;
    let mut client = stack.client().await;
    let notes: Vec<Value> = (0..10).map(|number| note(&number.to_string()).sign()).collect();
    stack.workers[0].freeze();
    for (note, jobs) in notes.iter().zip(1..) {
        client.send(json!(["EVENT", note])).await;
        until_jobs(&redis, &stack, "event", jobs).await;
    }
    stack.relays[0].freeze();
    assert_eq!(kill_subscriber(&redis).await, 1);
    stack.workers[0].thaw();
    until_jobs(&redis, &stack, "event", 0).await;
    stack.relays[0].thaw();
    for note in &notes {
        let ok = client.ok_for(note).await;
        assert!(ok.accepted, "{ok:?}");
    }
    let known = client.publish(&notes[0]).await;
    assert!(
        known.accepted && known.message.starts_with("duplicate: "),
        "{known:?}"
    );
}

/// Whatever of an answer is lost, the question is asked again.
#[tokio::test]
async fn questions_whose_answers_are_lost_are_asked_again() {
    let redis = PrivateRedis::start().await;
    let stack = Stack::builder().redis(redis.url()).start().await;
    let mut client = stack.client().await;
    // More than a page.
    for number in 0..130 {
        client.publish(&note(&number.to_string()).sign()).await;
    }
    let queues = [("req", "REQ"), ("count", "COUNT"), ("negentropy", "NEG-OPEN")];
    stack.workers[0].freeze();
    for (queue, verb) in queues {
        let mut question = json!([verb, queue, {"kinds": [1]}]);
        if verb == "NEG-OPEN" {
            question
                .as_array_mut()
                .expect("an array")
                .push(json!("6100000200"));
        }
        client.send(question).await;
        until_jobs(&redis, &stack, queue, 1).await;
    }
    stack.relays[0].freeze();
    assert_eq!(kill_subscriber(&redis).await, 1);
    stack.workers[0].thaw();
    for (queue, _) in queues {
        until_jobs(&redis, &stack, queue, 0).await;
    }
    stack.relays[0].thaw();
    let (mut answers, mut ends) = (BTreeMap::new(), 0);
    while ends < queues.len() {
        let message = client.next().await;
        let verb = message[0].as_str().expect("a verb").to_owned();
        ends += usize::from(verb != "EVENT");
        *answers.entry(verb).or_insert(0) += 1;
    }
    let expected = [("COUNT", 1), ("EOSE", 1), ("EVENT", 130), ("NEG-MSG", 1)];
    assert_eq!(
        answers,
        expected.map(|(verb, times)| (verb.to_owned(), times)).into()
    );
}

/// An order makes Redis refuse what is written to it, and another one ends that.
async fn refuses_for_a_while(refuse: &[&str], accept: &[&str]) {
    let redis = PrivateRedis::start().await;
    let stack = impatient(&redis).start().await;
    let mut client = stack.client().await;
    let mut load = Load::start(&stack.url(), "alice").await;
    load.goes_on(100).await;
    redis.order(refuse).await;
    is_refused(&mut client).await;
    assert!(stack.relays[0].metric("relay_enqueue_failures_total").await >= 1.0);
    redis.order(accept).await;
    load.goes_on(100).await;
    let written = load.settle(&stack).await;
    assert_eq!(written.cut_off, 0);
}

#[tokio::test]
async fn redis_is_full() {
    refuses_for_a_while(
        &["CONFIG", "SET", "maxmemory", "1"],
        &["CONFIG", "SET", "maxmemory", "0"],
    )
    .await;
}

#[tokio::test]
async fn redis_is_a_read_only_replica_for_a_while() {
    refuses_for_a_while(&["REPLICAOF", "127.0.0.1", "1"], &["REPLICAOF", "NO", "ONE"]).await;
}

/// Sends so many large notes, a few at a time: no more is on its way to this relay-ws than a buffer may hold.
async fn publish_large(client: &mut Client, count: usize) -> BTreeSet<String> {
    let notes: Vec<Value> = (0..count)
        .map(|number| note(&format!("{number} {}", "x".repeat(40_000))).sign())
        .collect();
    for few in notes.chunks(8) {
        for note in few {
            client.send(json!(["EVENT", note])).await;
        }
        for note in few {
            let ok = client.ok_for(note).await;
            assert!(ok.accepted, "{ok:?}");
        }
    }
    notes.iter().map(id_of).collect()
}

fn id_of(event: &Value) -> String {
    event["id"].as_str().unwrap().to_owned()
}

async fn until_logged(redis: &PrivateRedis, text: &str) {
    let deadline = Instant::now() + PATIENCE;
    while !redis.log().contains(text) {
        assert!(Instant::now() < deadline, "{}", redis.log());
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn redis_drops_a_subscriber_whose_buffer_overflows() {
    let redis = PrivateRedis::start().await;
    let stack = Stack::builder().redis(redis.url()).relays(2).start().await;
    let (mut listener, mut writer) = (stack.client_of(0).await, stack.client_of(1).await);
    listener.req("live", &[json!({"kinds": [1]})]).await;
    redis
        .order(&["CONFIG", "SET", "client-output-buffer-limit", "pubsub 1mb 0 0"])
        .await;
    stack.relays[0].freeze();
    // More than the system keeps for a socket as well.
    let written = publish_large(&mut writer, 300).await;
    until_logged(&redis, "overcoming of output buffer limits").await;
    stack.relays[0].thaw();

    let mut heard = BTreeSet::new();
    while heard.len() < written.len() {
        let id = id_of(&listener.live("live").await);
        assert!(heard.insert(id), "nothing comes twice");
    }
    assert_eq!(heard, written);
    let last = note("the last").sign();
    writer.accepted(&last).await;
    assert_eq!(listener.live("live").await, last, "nothing comes twice");
    let gaps = stack.relays[0].metric("relay_pubsub_gaps_total").await;
    assert!(gaps >= 1.0, "{gaps}");
}
