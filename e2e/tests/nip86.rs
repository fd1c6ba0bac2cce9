//! NIP-86: operators manage the relay through its own URL, in effect on every process.

use serde_json::{Value, json};
use testkit::{Client, Keys, Stack, event, note, request};

use crate::nip98::{authorization, managed, post, signed};

async fn call(stack: &Stack, method: &str, params: Value) -> Value {
    let body = json!({ "method": method, "params": params }).to_string();
    let answer = post(stack, &authorization(&signed(stack, &body).sign()), &body).await;
    assert_eq!(answer.status, 200, "{method}: {answer:?}");
    serde_json::from_str(&answer.body).unwrap()
}

/// Calls a method that changes something.
async fn done(stack: &Stack, method: &str, params: Value) {
    assert_eq!(
        call(stack, method, params).await,
        json!({ "result": true }),
        "{method}"
    );
}

async fn list(stack: &Stack, method: &str) -> Value {
    call(stack, method, json!([])).await["result"].take()
}

/// Publishes notes until one has the fate that is waited for: a ruling is in force within a second.
async fn until(client: &mut Client, by: &str, kind: u16, accepted: bool) {
    for number in 0..200 {
        let event = event(kind).by(by).content(&number.to_string()).sign();
        let ok = client.publish(&event).await;
        if ok.accepted == accepted {
            let is_ruled = ok.message.starts_with("blocked: ") || ok.message.starts_with("restricted: ");
            assert!(accepted || is_ruled, "{ok:?}");
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!(
        "kind {kind} by {by} is never {}",
        if accepted { "accepted" } else { "blocked" }
    );
}

#[tokio::test]
async fn every_method_of_the_text_is_there() {
    let stack = managed().await;
    let methods = list(&stack, "supportedmethods").await;
    assert_eq!(methods.as_array().unwrap().len(), 25, "{methods}");
    let unknown = call(&stack, "makecoffee", json!([])).await;
    assert_eq!(unknown["error"], "unknown method makecoffee");
    let wrong = call(&stack, "banpubkey", json!(["not a key"])).await;
    assert!(
        wrong["error"].as_str().unwrap().contains("not a public key"),
        "{wrong}"
    );
}

#[tokio::test]
async fn keys_are_banned_and_allowed() {
    let stack = managed().await;
    let mut client = stack.client().await;
    let mallory = Keys::of("mallory").pubkey();
    until(&mut client, "mallory", 1, true).await;
    done(&stack, "banpubkey", json!([mallory, "spam"])).await;
    until(&mut client, "mallory", 1, false).await;
    let banned = list(&stack, "listbannedpubkeys").await;
    assert_eq!(banned, json!([{ "pubkey": mallory, "reason": "spam" }]));
    done(&stack, "unbanpubkey", json!([mallory])).await;
    until(&mut client, "mallory", 1, true).await;

    done(
        &stack,
        "allowpubkey",
        json!([Keys::of("alice").pubkey(), "a friend"]),
    )
    .await;
    until(&mut client, "mallory", 1, false).await;
    until(&mut client, "alice", 1, true).await;
    assert_eq!(list(&stack, "listallowedpubkeys").await[0]["reason"], "a friend");
    done(&stack, "unallowpubkey", json!([Keys::of("alice").pubkey()])).await;
    until(&mut client, "mallory", 1, true).await;
}

#[tokio::test]
async fn a_banned_event_goes_and_stays_away() {
    let stack = managed().await;
    let mut client = stack.client().await;
    let bad = note("bad").sign();
    client.accepted(&bad).await;
    let filter = json!({ "ids": [bad["id"]] });
    assert_eq!(client.req("before", std::slice::from_ref(&filter)).await.len(), 1);

    let report = event(1984)
        .by("bob")
        .content("rude")
        .tag(["e", bad["id"].as_str().unwrap(), "spam"]);
    client.accepted(&report.sign()).await;
    let reported = list(&stack, "listeventsneedingmoderation").await;
    assert_eq!(reported, json!([{ "id": bad["id"], "reason": "rude" }]));

    done(&stack, "banevent", json!([bad["id"], "rude"])).await;
    assert!(client.req("after", &[filter]).await.is_empty());
    for _ in 0..200 {
        let ok = client.publish(&bad).await;
        if !ok.accepted {
            assert!(ok.message.starts_with("blocked: "), "{ok:?}");
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(!client.publish(&bad).await.accepted, "it stays away");
    assert_eq!(list(&stack, "listeventsneedingmoderation").await, json!([]));
    assert_eq!(list(&stack, "listbannedevents").await[0]["id"], bad["id"]);
    done(&stack, "allowevent", json!([bad["id"]])).await;
    assert_eq!(list(&stack, "listbannedevents").await, json!([]));
}

#[tokio::test]
async fn kinds_are_disallowed_and_allowed() {
    let stack = managed().await;
    let mut client = stack.client().await;
    done(&stack, "disallowkind", json!([1])).await;
    until(&mut client, "alice", 1, false).await;
    done(&stack, "allowkind", json!([1])).await;
    until(&mut client, "alice", 1, true).await;
    assert_eq!(
        list(&stack, "listallowedkinds").await,
        json!([]),
        "no list of those that alone are allowed"
    );
    done(&stack, "allowkind", json!([7])).await;
    until(&mut client, "alice", 1, false).await;
    until(&mut client, "alice", 7, true).await;
    assert_eq!(list(&stack, "listallowedkinds").await, json!([7]));
}

#[tokio::test]
async fn a_blocked_address_is_cut_off_and_kept_out() {
    let stack = managed().await;
    let mut inside = stack.client().await;
    done(&stack, "blockip", json!(["127.0.0.1", "noise"])).await;
    assert_eq!(u16::from(inside.closed().await.code), 3403);
    let mut outside = Client::open(&stack.url(), &[]).await;
    assert_eq!(u16::from(outside.closed().await.code), 3403);
    let blocked = list(&stack, "listblockedips").await;
    assert_eq!(blocked, json!([{ "ip": "127.0.0.1", "reason": "noise" }]));
    done(&stack, "unblockip", json!(["127.0.0.1"])).await;
    assert_eq!(list(&stack, "listblockedips").await, json!([]));
}

#[tokio::test]
async fn what_the_relay_says_of_itself_changes() {
    let stack = managed().await;
    done(&stack, "changerelayname", json!(["Harbour"])).await;
    done(&stack, "changerelaydescription", json!(["Ships come in"])).await;
    done(&stack, "changerelayicon", json!(["https://example.com/icon.png"])).await;
    for _ in 0..200 {
        let headers = [("Accept", "application/nostr+json")];
        let info = request(stack.address(), "GET", "/", &headers, "").await.body;
        let info: Value = serde_json::from_str(&info).unwrap();
        if info["icon"] == "https://example.com/icon.png" {
            assert_eq!(
                (&info["name"], &info["description"]),
                (&json!("Harbour"), &json!("Ships come in"))
            );
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the document never changes");
}

#[tokio::test]
async fn roles_are_made_given_and_taken() {
    let stack = managed().await;
    let alice = Keys::of("alice").pubkey();
    done(
        &stack,
        "createrole",
        json!(["mod", "Moderator", "keeps order", 120, 1]),
    )
    .await;
    assert!(call(&stack, "createrole", json!(["mod", "x", "", 1, 1])).await["error"].is_string());
    done(
        &stack,
        "editrole",
        json!(["mod", "Moderators", "keep order", 240, 2]),
    )
    .await;
    done(&stack, "assignrole", json!([alice, "mod"])).await;
    done(&stack, "unassignrole", json!([alice, "mod"])).await;
    done(&stack, "deleterole", json!(["mod"])).await;
    assert!(call(&stack, "assignrole", json!([alice, "mod"])).await["error"].is_string());
}
