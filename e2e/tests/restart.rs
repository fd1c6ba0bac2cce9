//! Processes die, Redis and Postgres break connections: nothing that was answered is lost, and everything is answered.

use std::{io::Write, time::Duration};

use fred::{
    interfaces::ClientLike,
    prelude::{Builder, Config},
    types::{CustomCommand, Value as Redis},
};
use serde_json::{Value, json};
use testkit::{Load, Process, Stack, note, redis_url};
use tokio::time::{Instant, sleep, timeout};

/// How long a condition may take to come true.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_worker_killed_in_mid_job_costs_no_answer() {
    let mut stack = Stack::builder().workers(2).start().await;
    let mut client = stack.client().await;
    // Frozen, it goes on taking nothing and answering nothing of what it holds.
    stack.workers[0].freeze();
    let events: Vec<Value> = (0..50).map(|n| note(&n.to_string()).sign()).collect();
    for event in &events {
        client.send(json!(["EVENT", event])).await;
    }
    for n in 0..10 {
        client.start(&n.to_string(), &[json!({"kinds": [7]})]).await;
    }
    stack.workers[0].kill();
    for event in &events {
        assert!(client.ok_for(event).await.accepted);
    }
    for _ in 0..10 {
        assert_eq!(client.expect("EOSE").await[2], json!(["finish"]));
    }
    assert_eq!(client.req("all", &[json!({"kinds": [1]})]).await.len(), 50);
}

#[tokio::test]
async fn what_was_answered_true_survives_every_process() {
    let mut stack = Stack::start().await;
    let mut client = stack.client().await;
    let event = note("for ever").sign();
    client.accepted(&event).await;
    stack.workers[0].kill();
    stack.relays[0].kill();
    stack.workers[0].restart().await;
    stack.relays[0].restart().await;
    assert_eq!(stack.client().await.req("s", &[json!({})]).await, [event]);
}

#[tokio::test]
async fn without_a_worker_the_answer_is_an_error_in_time() {
    let mut stack = Stack::builder()
        .set("WEBSOCKET__EVENT_DEADLINE_S", 1)
        .set("WEBSOCKET__REQ_DEADLINE_S", 1)
        .set("WEBSOCKET__COUNT_DEADLINE_S", 1)
        .start()
        .await;
    let mut client = stack.client().await;
    stack.workers[0].kill();
    let event = note("late").sign();
    let ok = client.publish(&event).await;
    assert!(!ok.accepted && ok.message.starts_with("error: "), "{ok:?}");
    for verb in ["REQ", "COUNT"] {
        client.send(json!([verb, "s", {}])).await;
        let closed = client.next().await;
        assert!(
            closed[0] == "CLOSED" && closed[2].as_str().unwrap().starts_with("error: "),
            "{closed}"
        );
    }
    // The job waits for the next worker, which stores it: to send it again is safe.
    stack.workers[0].restart().await;
    assert!(client.publish(&event).await.accepted);
}

/// Waits until a relay-ws has taken so many questions of a kind.
async fn until_taken(relay: &Process, what: &str, count: f64) {
    let (name, deadline) = (
        format!("relay_messages_total{{what=\"{what}\"}}"),
        Instant::now() + PATIENCE,
    );
    loop {
        let taken = relay.metric(&name).await;
        if (taken - count).abs() < 0.5 {
            return;
        }
        assert!(Instant::now() < deadline, "{taken} {what} of {count}");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn sigterm_gives_the_answers_first_and_says_goodbye() {
    let mut stack = Stack::start().await;
    let mut client = stack.client().await;
    stack.workers[0].freeze();
    let events: Vec<Value> = (0..100).map(|n| note(&n.to_string()).sign()).collect();
    for event in &events {
        client.send(json!(["EVENT", event])).await;
    }
    for n in 0..5 {
        client.start(&n.to_string(), &[json!({"kinds": [7]})]).await;
    }
    client.send(json!(["COUNT", "count", {"kinds": [7]}])).await;
    for (what, count) in [("events", 100.0), ("reqs", 5.0), ("counts", 1.0)] {
        until_taken(&stack.relays[0], what, count).await;
    }
    let (relay, worker) = (&mut stack.relays[0], &stack.workers[0]);
    let answers = async {
        // It waits for whoever has the answers.
        let early = timeout(Duration::from_millis(300), client.next()).await;
        assert!(early.is_err(), "{early:?}");
        worker.thaw();
        for event in &events {
            assert!(client.ok_for(event).await.accepted);
        }
        for _ in 0..5 {
            client.expect("EOSE").await;
        }
        assert_eq!(client.expect("COUNT").await[2]["count"], 0);
        assert_eq!(u16::from(client.closed().await.code), 1001);
    };
    tokio::join!(relay.terminate(), answers);
}

/// What was read is answered; what was not goes to the next relay-ws, as clients that come back send it again.
#[tokio::test]
async fn who_writes_without_a_pause_does_not_hold_up_the_end() {
    // Far longer than the end is waited for here.
    let mut stack = Stack::builder().set("WEBSOCKET__DRAIN_S", 600).start().await;
    let mut loads = Vec::new();
    for author in ["alice", "bob", "carol", "dave", "erin", "frank"] {
        loads.push(Load::start(&stack.url(), author).await);
    }
    for load in &mut loads {
        load.goes_on(50).await;
    }
    stack.relays[0].terminate().await;
    stack.relays[0].restart().await;
    for load in loads {
        let written = load.settle(&stack).await;
        assert!(written.refused.is_empty(), "{:?}", written.refused);
    }
}

/// How long a process that has nothing to do is away when it is told to end and started again.
#[tokio::test]
async fn an_idle_process_is_ready_again_within_seconds() {
    let mut stack = Stack::start().await;
    let Stack { relays, workers, .. } = &mut stack;
    for (name, process) in [("relay-ws", &mut relays[0]), ("worker", &mut workers[0])] {
        let began = Instant::now();
        process.terminate().await;
        let ended = began.elapsed();
        process.restart().await;
        let away = began.elapsed();
        let report = format!("{name}: ended after {ended:.1?}, ready again after {away:.1?}\n");
        std::io::stderr().write_all(report.as_bytes()).unwrap();
        assert!(away < Duration::from_secs(5), "{report}");
    }
}

#[tokio::test]
async fn a_lost_pubsub_connection_loses_no_live_event() {
    let stack = Stack::builder().relays(2).start().await;
    let (mut writer, mut reader) = (stack.client_of(0).await, stack.client_of(1).await);
    reader.req("live", &[json!({"kinds": [1]})]).await;
    writer.accepted(&note("first").sign()).await;
    assert_eq!(reader.live("live").await["content"], "first");
    let process = reader.challenge[..8].to_owned();

    let redis = Builder::from_config(Config::from_url(&redis_url()).unwrap())
        .build()
        .unwrap();
    redis.init().await.unwrap();
    let command = |name: &'static str| CustomCommand::new_static(name, None::<u16>, false);
    let list: String = redis
        .custom(command("CLIENT"), vec!["LIST", "TYPE", "pubsub"])
        .await
        .unwrap();
    let line = list
        .lines()
        .find(|line| line.contains(&format!("name=switchyard:{process} ")))
        .expect("it is subscribed");
    let id = line
        .split(' ')
        .find_map(|field| field.strip_prefix("id="))
        .unwrap();
    let _: Redis = redis
        .custom(command("CLIENT"), vec!["KILL", "ID", id])
        .await
        .unwrap();

    for n in 0..20 {
        writer.accepted(&note(&format!("meanwhile {n}")).sign()).await;
    }
    let mut heard: Vec<String> = Vec::new();
    while heard.len() < 20 {
        heard.push(reader.live("live").await["content"].to_string());
    }
    heard.sort();
    heard.dedup();
    assert_eq!(heard.len(), 20, "each once");
}

#[tokio::test]
async fn postgres_connections_that_break_are_made_anew() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    client.accepted(&note("before").sign()).await;
    let mut database = stack.database.connect().await;
    sqlx::query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()")
        .bind(stack.database.name())
        .execute(&mut database)
        .await
        .unwrap();
    client.accepted(&note("after").sign()).await;
    assert_eq!(client.req("s", &[json!({})]).await.len(), 2);
}
