//! NIP-09: deletion requests.

use serde_json::{Value, json};
use testkit::{Keys, Stack, event, note};

fn id(event: &Value) -> &str {
    event["id"].as_str().unwrap()
}

#[tokio::test]
async fn what_its_author_deleted_is_gone_and_stays_away() {
    let stack = Stack::start().await;
    let (mut alice, mut bob) = (stack.client().await, stack.client().await);
    let (mine, his) = (note("mine").sign(), note("his").by("bob").sign());
    alice.accepted(&mine).await;
    bob.accepted(&his).await;
    bob.req("live", &[json!({"kinds": [5]})]).await;
    let deletion = event(5)
        .tag(["e", id(&mine)])
        .tag(["e", id(&his)])
        .tag(["k", "1"])
        .sign();
    alice.accepted(&deletion).await;
    assert_eq!(
        bob.live("live").await,
        deletion,
        "the request itself is passed on"
    );
    assert_eq!(alice.req("notes", &[json!({"kinds": [1]})]).await, [his]);
    let again = bob.publish(&mine).await;
    assert!(
        !again.accepted && again.message.starts_with("blocked: "),
        "{again:?}"
    );
    alice.send(json!(["COUNT", "c", {"kinds": [1]}])).await;
    assert_eq!(alice.expect("COUNT").await[2], json!({"count": 1}));
}

#[tokio::test]
async fn an_address_is_deleted_up_to_the_request() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    let article = |at: u64| {
        event(30_023)
            .tag(["d", "x:y"])
            .at(at)
            .content(&at.to_string())
            .sign()
    };
    client.accepted(&article(10)).await;
    let address = format!("30023:{}:x:y", Keys::of("alice").pubkey());
    client
        .accepted(&event(5).tag(["a", &address]).at(20).sign())
        .await;
    assert!(client.req("s", &[json!({"kinds": [30_023]})]).await.is_empty());
    client.send(json!(["CLOSE", "s"])).await;
    assert!(!client.publish(&article(15)).await.accepted);
    client.accepted(&article(21)).await;
    assert_eq!(client.req("s", &[json!({"kinds": [30_023]})]).await.len(), 1);
}
