//! NIP-70: what is protected comes from its author or not at all.

use serde_json::json;
use testkit::{Stack, event, note};

#[tokio::test]
async fn only_the_author_publishes_what_is_protected() {
    let stack = Stack::start().await;
    let protected = note("members only").tag(["-"]).sign();
    let mut client = stack.client().await;
    let ok = client.publish(&protected).await;
    assert!(
        !ok.accepted && ok.message.starts_with("auth-required: "),
        "{ok:?}"
    );
    client.authenticate("bob").await;
    let ok = client.publish(&protected).await;
    assert!(!ok.accepted && ok.message.starts_with("restricted: "), "{ok:?}");
    client.authenticate("alice").await;
    client.accepted(&protected).await;

    // It is there: for others it is still not theirs to bring.
    let mut stranger = stack.client().await;
    assert_eq!(
        stranger.req("s", &[json!({"ids": [protected["id"]]})]).await,
        [protected]
    );
}

#[tokio::test]
async fn a_trusted_key_may_not_either() {
    let stack = Stack::start().await;
    let mut database = stack.database.connect().await;
    sqlx::query("INSERT INTO trusted_authors (pubkey) VALUES (decode($1, 'hex'))")
        .bind(testkit::Keys::of("bob").pubkey())
        .execute(&mut database)
        .await
        .unwrap();
    let mut client = stack.client().await;
    client.authenticate("bob").await;
    let ok = client.publish(&note("hers").tag(["-"]).sign()).await;
    assert!(!ok.accepted && ok.message.starts_with("restricted: "), "{ok:?}");
}

#[tokio::test]
async fn a_repost_must_not_carry_it_along() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    client.authenticate("bob").await;
    let (protected, open) = (note("members only").tag(["-"]).sign(), note("for all").sign());
    for kind in [6, 16] {
        let repost = |embedded: &str| event(kind).by("bob").content(embedded).sign();
        let ok = client.publish(&repost(&protected.to_string())).await;
        assert!(!ok.accepted && ok.message.starts_with("blocked: "), "{ok:?}");
        client.accepted(&repost(&open.to_string())).await;
        let reference = event(kind)
            .by("bob")
            .tag(["e", protected["id"].as_str().unwrap()]);
        client.accepted(&reference.sign()).await;
    }
}
