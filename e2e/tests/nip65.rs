//! NIP-65: relay lists are for everybody, also where everything else asks for a key.

use serde_json::json;
use testkit::{Stack, event, note};

#[tokio::test]
async fn anybody_may_publish_and_find_relay_lists() {
    let stack = Stack::builder()
        .set("AUTH__MIN_LEVEL_EVENT", 4)
        .set("AUTH__MIN_LEVEL_REQ", 1)
        .set("AUTH__MIN_LEVEL_COUNT", 1)
        .start()
        .await;
    let mut client = stack.client().await;
    let list = event(10_002).tag(["r", "wss://relay.example"]).sign();
    client.accepted(&list).await;
    let lists = json!({"kinds": [10_002], "authors": [list["pubkey"]]});
    assert_eq!(client.req("s", std::slice::from_ref(&lists)).await, [list]);
    assert_eq!(client.count(std::slice::from_ref(&lists)).await, 1);

    assert!(!client.publish(&note("not this").sign()).await.accepted);
    for more in [json!({"kinds": [1, 10_002]}), json!({}), json!({"kinds": [1]})] {
        for verb in ["REQ", "COUNT"] {
            let reason = client.refused(verb, &[lists.clone(), more.clone()]).await;
            assert!(reason.starts_with("auth-required: "), "{more} {reason}");
        }
    }
}

#[tokio::test]
async fn the_operator_may_say_otherwise() {
    let stack = Stack::builder()
        .set("AUTH__MIN_LEVEL_EVENT", 1)
        .set("AUTH__EXEMPT_KINDS", "[]")
        .start()
        .await;
    let ok = stack.client().await.publish(&event(10_002).sign()).await;
    assert!(
        !ok.accepted && ok.message.starts_with("auth-required: "),
        "{ok:?}"
    );
}
