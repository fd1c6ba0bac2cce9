//! NIP-98: who may call the management API is told by a signed event, for one request and once.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use testkit::{EventBuilder, HttpAnswer, Stack, event, request};

/// The body of a call that changes nothing.
pub const QUESTION: &str = r#"{"method":"supportedmethods","params":[]}"#;

/// A fresh event for a request by `boss`, the operator of these tests.
pub fn signed(stack: &Stack, body: &str) -> EventBuilder {
    let hash: String = Sha256::digest(body)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    event(27_235)
        .by("boss")
        .tag(["u", &stack.url()])
        .tag(["method", "POST"])
        .tag(["payload", &hash])
        // Two equal calls in one second would otherwise be one event.
        .tag(["nonce", &rand::random::<u64>().to_string()])
}

pub fn authorization(event: &Value) -> String {
    format!("Nostr {}", BASE64_STANDARD.encode(event.to_string()))
}

pub async fn post(stack: &Stack, authorization: &str, body: &str) -> HttpAnswer {
    let headers = [
        ("Content-Type", "application/nostr+json+rpc"),
        ("Authorization", authorization),
    ];
    request(stack.address(), "POST", "/", &headers, body).await
}

/// A stack whose operator has the key of `boss`.
pub async fn managed() -> Stack {
    let stack = Stack::start().await;
    let mut database = stack.database.connect().await;
    sqlx::query(
        "WITH o AS (INSERT INTO operators (name) VALUES ('boss') RETURNING id)
        INSERT INTO operator_keys (pubkey, operator_id) SELECT decode($1, 'hex'), id FROM o",
    )
    .bind(testkit::Keys::of("boss").pubkey())
    .execute(&mut database)
    .await
    .unwrap();
    stack
}

#[tokio::test]
async fn a_signed_request_is_let_in_once() {
    let stack = managed().await;
    let authorization = authorization(&signed(&stack, QUESTION).sign());
    let answer = post(&stack, &authorization, QUESTION).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(answer.head.contains("application/nostr+json+rpc"), "{answer:?}");
    let again = post(&stack, &authorization, QUESTION).await;
    assert_eq!(again.status, 401, "a replay: {again:?}");
}

#[tokio::test]
async fn what_is_not_signed_for_this_request_is_not_let_in() {
    let stack = managed().await;
    let fresh = || signed(&stack, QUESTION);
    let wrong_url = event(27_235).by("boss").tag(["u", "wss://other.example"]);
    let mut forged = fresh().sign();
    forged["content"] = json!("changed");
    for (what, event) in [
        ("too old", fresh().in_seconds(-120).sign()),
        ("from the future", fresh().in_seconds(120).sign()),
        ("another url", wrong_url.tag(["method", "POST"]).sign()),
        ("another body", signed(&stack, "{}").sign()),
        (
            "another kind",
            event(1).by("boss").tag(["u", &stack.url()]).sign(),
        ),
        ("forged", forged),
    ] {
        let answer = post(&stack, &authorization(&event), QUESTION).await;
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
        assert!(answer.body.contains("error"), "{what}: {answer:?}");
    }
    for header in [
        "",
        "Nostr",
        "Nostr !",
        "Nostr bm90IGFuIGV2ZW50",
        "Basic Ym9zczpib3Nz",
    ] {
        assert_eq!(post(&stack, header, QUESTION).await.status, 401, "{header:?}");
    }
}

#[tokio::test]
async fn a_key_that_is_no_operators_is_refused() {
    let stack = managed().await;
    let by_mallory = signed(&stack, QUESTION).by("mallory").sign();
    let answer = post(&stack, &authorization(&by_mallory), QUESTION).await;
    assert_eq!(answer.status, 403, "{answer:?}");
}
