//! NIP-62: requests to vanish.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{EventBuilder, Keys, Stack, TestRedis, event, note};

const OURS: &str = "wss://relay.example";

/// By Alice.
fn request(relay: &str) -> EventBuilder {
    event(62).tag(["relay", relay]).content("goodbye")
}

async fn stack() -> Stack {
    Stack::builder()
        .set("RELAY__URLS", format!("[\"{OURS}\"]"))
        .set("WORKER__MAINTENANCE_BATCH", 2)
        .start()
        .await
}

fn by_alice() -> Value {
    json!({"authors": [Keys::of("alice").pubkey()]})
}

#[tokio::test]
async fn everything_of_the_author_is_gone_and_stays_away() {
    for relay in ["wss://RELAY.example:443/", "ALL_RELAYS"] {
        let stack = stack().await;
        let (mut alice, mut bob) = (stack.client().await, stack.client().await);
        bob.authenticate_at(OURS, "bob").await;
        let old: Vec<Value> = [
            note("a note").tag(["t", "x"]),
            event(0).content("{}"),
            event(30_023).tag(["d", "article"]),
            event(4).tag(["p", &Keys::of("bob").pubkey()]),
            event(5).tag(["e", &"1".repeat(64)]),
        ]
        .iter()
        .map(|event| event.clone().in_seconds(-100).sign())
        .collect();
        for event in &old {
            alice.accepted(event).await;
        }
        let others = note("of somebody else")
            .by("bob")
            .tag(["p", &Keys::of("alice").pubkey()])
            .in_seconds(-100)
            .sign();
        bob.accepted(&others).await;

        let request = request(relay).sign();
        alice.accepted(&request).await;
        assert_eq!(
            bob.req("s", &[by_alice()]).await,
            std::slice::from_ref(&request),
            "the request is kept"
        );
        assert_eq!(bob.count(&[by_alice()]).await, 1);
        assert!(bob.req("s", &[json!({"#t": ["x"]})]).await.is_empty());
        let ids: Vec<&Value> = old.iter().map(|event| &event["id"]).collect();
        assert!(bob.req("s", &[json!({"ids": ids})]).await.is_empty());
        assert_eq!(
            bob.req("s", &[json!({"authors": [others["pubkey"]]})]).await,
            [others]
        );

        for event in &old {
            for client in [&mut alice, &mut bob] {
                let again = client.publish(event).await;
                assert!(
                    !again.accepted && again.message.starts_with("blocked: "),
                    "{event} {again:?}"
                );
            }
        }
        let never_seen = alice.publish(&note("late").in_seconds(-50).sign()).await;
        assert!(!never_seen.accepted, "{never_seen:?}");
        alice.accepted(&note("a new life").in_seconds(1).sign()).await;
        assert_eq!(bob.count(&[by_alice()]).await, 2);
    }
}

#[tokio::test]
async fn gift_wraps_to_the_author_go_too() {
    let stack = stack().await;
    let mut client = stack.client().await;
    for name in ["alice", "bob"] {
        client.authenticate_at(OURS, name).await;
    }
    let wrap = |to: &str| {
        event(1059)
            .by("one-time")
            .tag(["p", &Keys::of(to).pubkey()])
            .in_seconds(-100)
            .sign()
    };
    let (to_alice, to_bob) = (wrap("alice"), wrap("bob"));
    client.accepted(&to_alice).await;
    client.accepted(&to_bob).await;
    client.accepted(&request("ALL_RELAYS").sign()).await;
    assert_eq!(
        client.req("s", &[json!({"kinds": [1059]})]).await,
        std::slice::from_ref(&to_bob)
    );
    let again = client.publish(&to_alice).await;
    assert!(
        !again.accepted && again.message.starts_with("blocked: "),
        "{again:?}"
    );
    assert!(client.publish(&to_bob).await.message.starts_with("duplicate: "));
}

#[tokio::test]
async fn a_request_to_other_relays_is_refused_and_does_nothing() {
    let stack = stack().await;
    let mut alice = stack.client().await;
    alice.accepted(&note("stays").in_seconds(-100).sign()).await;
    for request in [
        request("wss://elsewhere.example"),
        request("wss://relay.example/other"),
        event(62),
    ] {
        let refused = alice.publish(&request.sign()).await;
        assert!(
            !refused.accepted && refused.message.starts_with("invalid: "),
            "{refused:?}"
        );
    }
    assert_eq!(alice.count(&[by_alice()]).await, 1);
}

#[tokio::test]
async fn without_configured_urls_the_host_that_was_connected_to_is_ours() {
    let stack = Stack::start().await;
    let mut alice = stack.client().await;
    alice.accepted(&note("a note").in_seconds(-100).sign()).await;
    assert!(
        !alice
            .publish(&request("wss://elsewhere.example").sign())
            .await
            .accepted
    );
    alice.accepted(&request(&stack.url()).sign()).await;
    assert_eq!(alice.count(&[by_alice(), json!({"kinds": [1]})]).await, 1);
}

#[tokio::test]
async fn who_may_not_write_may_vanish() {
    let stack = Stack::builder()
        .set("RELAY__URLS", format!("[\"{OURS}\"]"))
        .set("AUTH__MIN_LEVEL_EVENT", 4)
        .set("POLICY__ALLOWED_KINDS", "[1]")
        .set(
            "POLICY__DENIED_PUBKEYS",
            format!("[\"{}\"]", Keys::of("alice").pubkey()),
        )
        .set("POLICY__MIN_POW_DIFFICULTY", 30)
        .start()
        .await;
    let mut alice = stack.client().await;
    assert!(!alice.publish(&note("").sign()).await.accepted);
    alice.accepted(&request(OURS).sign()).await;
}

#[tokio::test]
async fn a_request_cannot_be_deleted() {
    let stack = stack().await;
    let mut alice = stack.client().await;
    let request = request(OURS).in_seconds(-10).sign();
    alice.accepted(&request).await;
    let deletion = event(5).tag(["e", request["id"].as_str().unwrap()]).sign();
    alice.accepted(&deletion).await;
    assert_eq!(alice.req("s", &[json!({"kinds": [62]})]).await, [request]);
    assert!(!alice.publish(&note("old").in_seconds(-20).sign()).await.accepted);
}

#[tokio::test]
async fn the_list_of_latest_events_forgets_too() {
    let (stack, redis) = (stack().await, TestRedis::connect().await);
    let mut alice = stack.client().await;
    alice
        .accepted(&note("of bob").by("bob").in_seconds(-100).sign())
        .await;
    alice.accepted(&note("of alice").in_seconds(-100).sign()).await;
    alice.accepted(&request(OURS).sign()).await;
    let listed = async || -> Vec<String> {
        let list: Vec<String> = redis
            .run("LRANGE", &[&stack.key("latest-events"), "0", "-1"])
            .await;
        let content = |event: &String| serde_json::from_str::<Value>(event).unwrap()["content"].take();
        list.iter()
            .map(|event| content(event).as_str().unwrap().to_owned())
            .collect()
    };
    let forgotten = async {
        while listed().await != ["goodbye", "of bob"] {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(20), forgotten).await;
    assert!(in_time.is_ok(), "{:?}", listed().await);
}
