//! The Access page decides who may write.

use std::time::{Duration, Instant};

use serde_json::json;
use testkit::{Keys, note, request};

use crate::operator::{signed_in, with_operator};

#[tokio::test]
async fn a_banned_key_cannot_publish() {
    let stack = with_operator().await;
    let mut client = stack.client().await;
    client.accepted(&note("before").by("mallory").sign()).await;
    let browser = signed_in(&stack).await;
    browser.go("/access/banned").await;
    browser.type_into("[name=pubkey]", "npub1nonsense").await;
    browser.click("main form button").await;
    assert!(browser.text("#p-pubkey").await.contains("npub1"));
    browser
        .type_into("[name=pubkey]", &Keys::of("mallory").pubkey())
        .await;
    browser
        .type_into("[name=reason]", "<script>alert(1)</script>")
        .await;
    browser.find("[name=without_events]").await.click().await.unwrap();
    browser.click("main form button").await;
    assert!(
        browser
            .text("main table")
            .await
            .contains("<script>alert(1)</script>"),
        "shown as text"
    );
    for number in 0..200 {
        let ok = client
            .publish(&note(&number.to_string()).by("mallory").sign())
            .await;
        if !ok.accepted {
            assert!(ok.message.starts_with("blocked: "), "{ok:?}");
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    let by_mallory = [json!({ "authors": [Keys::of("mallory").pubkey()] })];
    while !client.req("left", &by_mallory).await.is_empty() {
        assert!(Instant::now() < deadline, "what it has written stays");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    browser.close().await;
}

#[tokio::test]
async fn a_name_that_is_given_is_told() {
    let stack = with_operator().await;
    let browser = signed_in(&stack).await;
    browser.go("/access/names").await;
    browser
        .type_into("[name=pubkey]", &Keys::of("bob").pubkey())
        .await;
    browser.type_into("[name=name]", "Bob").await;
    browser
        .type_into("[name=relays]", "wss://a.example wss://b.example")
        .await;
    browser.click("main form button").await;
    for _ in 0..200 {
        let answer = request(
            stack.address(),
            "GET",
            "/.well-known/nostr.json?name=bob",
            &[],
            "",
        )
        .await;
        if answer.body.contains(&Keys::of("bob").pubkey()) {
            assert!(answer.body.contains("wss://b.example"), "{answer:?}");
            browser.close().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the name is never told");
}
