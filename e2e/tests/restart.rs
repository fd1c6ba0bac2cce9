//! Processes die, Redis and Postgres break connections: nothing that was answered is lost, and everything is answered.

use fred::{
    interfaces::ClientLike,
    prelude::{Builder, Config},
    types::{CustomCommand, Value as Redis},
};
use serde_json::{Value, json};
use testkit::{Stack, note, redis_url};

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

#[tokio::test]
async fn sigterm_gives_the_answers_first_and_says_goodbye() {
    let mut stack = Stack::start().await;
    let mut client = stack.client().await;
    let events: Vec<Value> = (0..100).map(|n| note(&n.to_string()).sign()).collect();
    for event in &events {
        client.send(json!(["EVENT", event])).await;
    }
    client.accepted(&note("the relay has read them all").sign()).await;
    stack.relays[0].terminate().await;
    for event in &events {
        assert!(client.ok_for(event).await.accepted);
    }
    assert_eq!(u16::from(client.closed().await.code), 1001);
    stack.workers[0].terminate().await;
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
