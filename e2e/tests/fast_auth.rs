//! Fast Auth: a key is proven while connecting, `?authorization=<kind 22242 event>`.

use std::fmt::Write;

use serde_json::{Value, json};
use testkit::{Client, EventBuilder, Keys, Stack, TestRedis, event, note};

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        write!(all, "%{byte:02X}").unwrap();
        all
    })
}

fn url(relay: &str, authorization: &str) -> String {
    format!("{relay}/?authorization={}", encoded(authorization))
}

fn proof(stack: &Stack, name: &str) -> EventBuilder {
    event(22_242).by(name).tag(["relay", &stack.url()])
}

async fn connected(stack: &Stack, relay: usize, proof: &Value) -> Client {
    Client::connect(&url(&stack.url_of(relay), &proof.to_string())).await
}

async fn turned_away(relay: &str, authorization: &str) -> String {
    let mut client = Client::open(&url(relay, authorization), &[]).await;
    let close = client.closed().await;
    assert_eq!(u16::from(close.code), 3403, "{close:?}");
    close.reason.to_string()
}

#[tokio::test]
async fn the_key_is_proven_before_the_first_message() {
    let stack = Stack::builder().set("AUTH__MIN_LEVEL_REQ", 1).start().await;
    let message = event(4).by("bob").tag(["p", &Keys::of("alice").pubkey()]).sign();
    stack.client().await.accepted(&message).await;
    let proof = proof(&stack, "alice").sign();
    let mut client = connected(&stack, 0, &proof).await;
    assert_eq!(client.req("dm", &[json!({"kinds": [4]})]).await, [message]);
    client.accepted(&note("mine").tag(["-"]).sign()).await;

    let redis = TestRedis::connect().await;
    for (hash, value) in [
        ("authentications", Keys::of("alice").pubkey()),
        ("authorizations", "1".to_owned()),
        (
            "connections_authenticators",
            proof["id"].as_str().unwrap().to_owned(),
        ),
    ] {
        let told: String = redis.run("HGET", &[&stack.key(hash), &client.challenge]).await;
        assert_eq!(told, value, "{hash}");
    }
    let key = stack.key(&format!("events22242:{}", proof["id"].as_str().unwrap()));
    let seconds: i64 = redis.run("TTL", &[&key]).await;
    assert!((550..=601).contains(&seconds), "{seconds}");

    // A further key is proven as ever.
    client.authenticate("bob").await;
    client.accepted(&note("his").by("bob").tag(["-"]).sign()).await;
}

#[tokio::test]
async fn an_event_lets_in_once_and_whoever_uses_it_again_ends_both() {
    let stack = Stack::builder().relays(2).start().await;
    let proof = proof(&stack, "alice").tag(["relay", &stack.url_of(1)]).sign();
    let mut first = connected(&stack, 0, &proof).await;
    first.req("own", &[json!({"limit": 0})]).await;
    let reason = turned_away(&stack.url_of(1), &proof.to_string()).await;
    assert!(reason.starts_with("restricted: "), "{reason}");
    let close = first.closed().await;
    assert_eq!(u16::from(close.code), 3403, "{close:?}");
    // Also when nobody is left to be closed.
    turned_away(&stack.url(), &proof.to_string()).await;
}

#[tokio::test]
async fn of_two_who_use_an_event_at_the_same_time_nobody_stays() {
    let stack = Stack::builder().relays(2).start().await;
    for number in 0..20 {
        let proof = proof(&stack, "alice").tag(["relay", &stack.url_of(1)]);
        let proof = proof.content(&number.to_string()).sign().to_string();
        let (here, there) = (stack.url(), stack.url_of(1));
        let (one, other) = tokio::join!(turned_away(&here, &proof), turned_away(&there, &proof));
        for reason in [one, other] {
            assert!(reason.starts_with("restricted: "), "{reason}");
        }
    }
}

#[tokio::test]
async fn what_proves_nothing_lets_nobody_in() {
    let stack = Stack::start().await;
    let good = || proof(&stack, "alice");
    let mut forged = good().sign();
    forged["sig"] = event(1).sign()["sig"].take();
    let mut of_another = good().sign();
    of_another["pubkey"] = json!(Keys::of("bob").pubkey());
    let with_challenge = good().tag(["challenge", "0123456789abcdef"]).sign();
    for authorization in [
        String::new(),
        "alice".to_owned(),
        "{}".to_owned(),
        note("no proof").tag(["relay", &stack.url()]).sign().to_string(),
        event(22_242).sign().to_string(),
        event(22_242)
            .tag(["relay", "wss://elsewhere.example"])
            .sign()
            .to_string(),
        good().in_seconds(-3600).sign().to_string(),
        good().in_seconds(3600).sign().to_string(),
        with_challenge.to_string(),
        forged.to_string(),
        of_another.to_string(),
    ] {
        let reason = turned_away(&stack.url(), &authorization).await;
        assert!(reason.starts_with("invalid: "), "{authorization} {reason}");
    }
    // What was forged has not used up the true one.
    let redis = TestRedis::connect().await;
    let used: Vec<String> = redis.run("KEYS", &[&stack.key("events22242:*")]).await;
    assert!(used.is_empty(), "{used:?}");
}

#[tokio::test]
async fn a_relay_may_let_in_only_those_of_a_level() {
    let stack = Stack::builder()
        .set("AUTH__MIN_LEVEL_CONNECTION", 2)
        .start()
        .await;
    let mut anonymous = Client::open(&stack.url(), &[]).await;
    let close = anonymous.closed().await;
    assert_eq!(u16::from(close.code), 3403);
    assert!(close.reason.starts_with("auth-required: "), "{close:?}");
    let reason = turned_away(&stack.url(), &proof(&stack, "alice").sign().to_string()).await;
    assert!(reason.starts_with("restricted: "), "{reason}");

    let mut database = stack.database.connect().await;
    let alice = Keys::of("alice").pubkey();
    sqlx::query("INSERT INTO user_pubkeys (pubkey) VALUES (decode($1, 'hex'))")
        .bind(&alice)
        .execute(&mut database)
        .await
        .unwrap();
    let mut client = connected(&stack, 0, &proof(&stack, "alice").content("again").sign()).await;
    client.accepted(&note("in").sign()).await;
    sqlx::query("DELETE FROM user_pubkeys")
        .execute(&mut database)
        .await
        .unwrap();
    let close = client.closed().await;
    assert_eq!(u16::from(close.code), 3403, "who may not be here any more");
}
