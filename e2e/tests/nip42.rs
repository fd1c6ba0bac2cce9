//! NIP-42: who a client is, and who it only claims to be.

use serde_json::{Value, json};
use testkit::{Client, Keys, Stack, event, note};

const OURS: &str = "wss://Relay.Example:443/nostr/";

async fn refused(client: &mut Client, proof: &Value) -> String {
    let ok = client.auth(proof).await;
    assert!(!ok.accepted, "{proof}");
    ok.message
}

/// Whether the connection may publish what only this key may.
async fn is_proven(client: &mut Client, name: &str) -> bool {
    let protected = note("protected").by(name).tag(["-"]).sign();
    client.publish(&protected).await.accepted
}

#[tokio::test]
async fn what_was_not_made_for_this_connection_proves_nothing() {
    let stack = Stack::start().await;
    let (mut client, other) = (stack.client().await, stack.client().await);
    let (good, url) = (|client: &Client| client.proof("alice"), stack.url());
    let mut forged = good(&client).sign();
    forged["sig"] = event(1).sign()["sig"].take();
    let mut other_id = good(&client).sign();
    other_id["id"] = json!("0".repeat(64));
    for proof in [
        good(&other).sign(),
        good(&client).in_seconds(-3600).sign(),
        good(&client).in_seconds(3600).sign(),
        client.proof_for("wss://elsewhere.example", "alice").sign(),
        client
            .proof_for("https://not-a-websocket.example", "alice")
            .sign(),
        client.proof_for("", "alice").sign(),
        event(22_242).tag(["challenge", &client.challenge]).sign(),
        event(22_242).tag(["relay", &url]).sign(),
        event(22_242)
            .tag(["relay", &url])
            .tag(["challenge", &client.challenge[1..]])
            .sign(),
        event(1)
            .tag(["relay", &url])
            .tag(["challenge", &client.challenge])
            .sign(),
        forged,
        other_id,
    ] {
        let message = refused(&mut client, &proof).await;
        assert!(message.starts_with("invalid: "), "{proof} {message}");
    }
    assert!(!is_proven(&mut client, "alice").await);
    client.authenticate("alice").await;
    assert!(is_proven(&mut client, "alice").await);
}

#[tokio::test]
async fn a_proof_is_good_again_here_and_nowhere_else() {
    let stack = Stack::builder().relays(2).start().await;
    let mut client = stack.client().await;
    let proof = client.proof("alice").sign();
    for _ in 0..2 {
        assert!(client.auth(&proof).await.accepted, "every AUTH gets its OK");
    }
    for relay in 0..2 {
        let mut thief = stack.client_of(relay).await;
        let message = refused(&mut thief, &proof).await;
        assert!(message.starts_with("invalid: "), "{message}");
        assert!(!is_proven(&mut thief, "alice").await);
    }
}

#[tokio::test]
async fn the_relay_is_known_by_each_of_its_names_however_they_are_written() {
    let stack = Stack::builder()
        .set(
            "RELAY__URLS",
            format!("[\"{OURS}\", \"wss://xn--bcher-kva.example\"]"),
        )
        .start()
        .await;
    for url in [
        "wss://relay.example/nostr",
        "ws://RELAY.example",
        "wss://relay.example:8443/other/path?x=y",
        "wss://relay.example./",
        "wss://bücher.example",
    ] {
        stack.client().await.authenticate_at(url, "alice").await;
    }
    let mut client = stack.client().await;
    for url in [
        stack.url().as_str(),
        "wss://relay.example.evil.net",
        "wss://evil.net/relay.example",
        "wss://relay.example@evil.net/",
        "relay.example",
    ] {
        let proof = client.proof_for(url, "alice").sign();
        let message = refused(&mut client, &proof).await;
        assert!(message.starts_with("invalid: "), "{url} {message}");
    }
}

#[tokio::test]
async fn all_keys_of_a_connection_count_and_there_may_be_so_many() {
    let stack = Stack::builder().set("AUTH__MAX_KEYS", 2).start().await;
    let mut client = stack.client().await;
    for name in ["alice", "bob", "alice"] {
        client.authenticate(name).await;
    }
    let proof = client.proof("carol").sign();
    let message = refused(&mut client, &proof).await;
    assert!(message.starts_with("restricted: "), "{message}");
    for (name, expected) in [("alice", true), ("bob", true), ("carol", false)] {
        assert_eq!(is_proven(&mut client, name).await, expected, "{name}");
    }
    for name in ["alice", "bob"] {
        let message = event(4).by("carol").tag(["p", &Keys::of(name).pubkey()]).sign();
        client.accepted(&message).await;
    }
    assert_eq!(client.count(&[json!({"kinds": [4]})]).await, 2);
}

#[tokio::test]
async fn proofs_are_neither_stored_nor_passed_on() {
    let stack = Stack::start().await;
    let (mut reader, mut client) = (stack.client().await, stack.client().await);
    reader.req("all", &[json!({})]).await;
    let proof = client.proof("alice").sign();
    let ok = client.publish(&proof).await;
    assert!(!ok.accepted && ok.message.starts_with("invalid: "), "{ok:?}");
    assert!(client.auth(&proof).await.accepted);
    let marker = note("after it").sign();
    client.accepted(&marker).await;
    assert_eq!(reader.live("all").await, marker);
    assert!(client.req("s", &[json!({"kinds": [22_242]})]).await.is_empty());
}

#[tokio::test]
async fn every_command_may_ask_for_a_key() {
    let stack = Stack::builder()
        .set("AUTH__MIN_LEVEL_EVENT", 1)
        .set("AUTH__MIN_LEVEL_REQ", 1)
        .set("AUTH__MIN_LEVEL_COUNT", 1)
        .start()
        .await;
    let mut client = stack.client().await;
    let note = note("needs a key").sign();
    let ok = client.publish(&note).await;
    assert!(
        !ok.accepted && ok.message.starts_with("auth-required: "),
        "{ok:?}"
    );
    for verb in ["REQ", "COUNT"] {
        let reason = client.refused(verb, &[json!({"kinds": [1]})]).await;
        assert!(reason.starts_with("auth-required: "), "{verb} {reason}");
    }
    client
        .send(json!(["NEG-OPEN", "sync", {"kinds": [1]}, "6100000200"]))
        .await;
    let refused = client.expect("NEG-ERR").await;
    assert!(
        refused[2].as_str().unwrap().starts_with("auth-required: "),
        "{refused}"
    );
    client.authenticate("alice").await;
    client.accepted(&note).await;
    assert_eq!(client.req("s", &[json!({"kinds": [1]})]).await, [note]);
    assert_eq!(client.count(&[json!({"kinds": [1]})]).await, 1);
}

#[tokio::test]
async fn what_was_refused_is_not_run_by_itself_once_the_key_is_proven() {
    let stack = Stack::builder().set("AUTH__MIN_LEVEL_REQ", 1).start().await;
    let mut client = stack.client().await;
    client.accepted(&note("stored").sign()).await;
    let reason = client.refused("REQ", &[json!({})]).await;
    assert!(reason.starts_with("auth-required: "), "{reason}");
    client.authenticate("alice").await;
    client.accepted(&note("live").sign()).await;
    // Nothing came for the refused one in between: `req` takes only what is its own.
    assert_eq!(client.req("again", &[json!({})]).await.len(), 2);
}
