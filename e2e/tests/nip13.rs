//! NIP-13: work in the id.

use serde_json::{Value, json};
use testkit::{EventBuilder, Keys, Stack, event, note};

fn mined(bits: usize, target: &str, event: impl Fn() -> EventBuilder) -> Value {
    (0_u32..)
        .map(|nonce| event().tag(["nonce", &nonce.to_string(), target]).sign())
        .find(|event| {
            let id = event["id"].as_str().unwrap();
            let head = u32::from_str_radix(&id[..8], 16).unwrap();
            head.leading_zeros() as usize >= bits
        })
        .unwrap()
}

#[tokio::test]
async fn too_little_work_is_refused_with_its_prefix_and_a_low_target_does_not_count() {
    let stack = Stack::builder()
        .set("POLICY__MIN_POW_DIFFICULTY", 8)
        .set("POLICY__KINDS", "[{kinds = [7], min_pow_difficulty = 0}]")
        .start()
        .await;
    let mut client = stack.client().await;
    let mut idle = note("idle").at(1).sign();
    while idle["id"].as_str().unwrap().starts_with("00") {
        idle = note("idle").sign();
    }
    let ok = client.publish(&idle).await;
    assert!(
        !ok.accepted && ok.message.starts_with("pow: difficulty "),
        "{ok:?}"
    );
    assert!(ok.message.ends_with(" is less than 8"), "{ok:?}");
    let lucky = client.publish(&mined(8, "4", || note("aimed at 4"))).await;
    assert_eq!(lucky.message, "pow: difficulty 4 is less than 8");
    client.accepted(&mined(8, "8", || note("worked"))).await;
    client.accepted(&event(7).content("+").sign()).await;
}

#[tokio::test]
async fn work_can_be_asked_of_strangers_only() {
    let stack = Stack::builder()
        .set("POLICY__MIN_POW_DIFFICULTY", 60)
        .set("POLICY__POW_EXEMPT_LEVEL", 1)
        .start()
        .await;
    let mut client = stack.client().await;
    let event = note("x").sign();
    assert!(client.publish(&event).await.message.starts_with("pow: "));
    client.authenticate("alice").await;
    client.accepted(&event).await;
}

#[tokio::test]
async fn a_list_of_authors_lets_them_publish_for_others_and_some_kinds_stay_open() {
    let stack = Stack::builder()
        .set("POLICY__ALLOWED_PUBKEYS", json!([Keys::of("alice").pubkey()]))
        .set("POLICY__KINDS", "[{kinds = [10002], open = true}]")
        .start()
        .await;
    let mut client = stack.client().await;
    client.accepted(&note("on the list").sign()).await;
    let by_bob = note("not on it").by("bob").sign();
    let ok = client.publish(&by_bob).await;
    assert!(!ok.accepted && ok.message.starts_with("restricted: "), "{ok:?}");
    client.accepted(&event(10_002).by("bob").sign()).await;
    client.authenticate("alice").await;
    client.accepted(&by_bob).await;
}
