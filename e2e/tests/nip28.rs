//! NIP-28: public chat. Relays keep its kinds 40 to 44 as regular ones, as today's NIP-01 numbers them.

use serde_json::json;
use testkit::{Keys, Stack, event};

#[tokio::test]
async fn a_channel_with_its_metadata_messages_and_moderation() {
    let stack = Stack::start().await;
    assert!(super::nip11::supported_nips(&stack).await.contains(&json!(28)));
    let (mut owner, mut guest) = (stack.client().await, stack.client().await);
    let channel = event(40).at(1).content(r#"{"name":"demo"}"#).sign();
    owner.accepted(&channel).await;
    let id = channel["id"].as_str().unwrap();
    guest
        .req("chat", &[json!({"kinds": [41, 42], "#e": [id], "limit": 100})])
        .await;

    let metadata = |at, name: &str| {
        let content = json!({"name": name}).to_string();
        event(41)
            .at(at)
            .content(&content)
            .tag(["e", id, "wss://r", "root"])
            .tag(["t", name])
    };
    let (first, second) = (metadata(2, "first").sign(), metadata(3, "second").sign());
    owner.accepted(&first).await;
    owner.accepted(&second).await;
    let message = event(42)
        .by("bob")
        .at(4)
        .content("hello")
        .tag(["e", id, "wss://r", "root"])
        .sign();
    guest.accepted(&message).await;
    let reply = event(42)
        .at(5)
        .content("hi")
        .tag(["e", id, "wss://r", "root"])
        .tag(["e", message["id"].as_str().unwrap(), "wss://r", "reply"])
        .tag(["p", &Keys::of("bob").pubkey()])
        .sign();
    owner.accepted(&reply).await;
    for expected in [&first, &second, &message, &reply] {
        assert_eq!(&guest.live("chat").await, expected);
    }

    // Kind 41 is regular: an older version is not replaced, and "the latest" is a limit.
    let of_channel = json!({"kinds": [41], "#e": [id]});
    assert_eq!(owner.req("s", &[of_channel]).await, [second.clone(), first]);
    let latest = json!({"kinds": [41], "#e": [id], "authors": [channel["pubkey"]], "limit": 1});
    assert_eq!(owner.req("s", &[latest]).await, std::slice::from_ref(&second));
    assert_eq!(
        owner.req("s", &[json!({"kinds": [41], "#t": ["second"]})]).await,
        [second]
    );
    assert_eq!(
        owner.req("s", &[json!({"kinds": [42], "#e": [id]})]).await,
        [reply, message.clone()]
    );

    // Hidden and muted by clients: the relay keeps both, and the message.
    let hidden = event(43).at(6).tag(["e", message["id"].as_str().unwrap()]).sign();
    let muted = event(44).at(7).tag(["p", &Keys::of("bob").pubkey()]).sign();
    owner.accepted(&hidden).await;
    owner.accepted(&muted).await;
    let mine = json!({"kinds": [43, 44], "authors": [channel["pubkey"]]});
    assert_eq!(guest.req("s", &[mine]).await, [muted, hidden]);
    assert_eq!(
        guest.req("s", &[json!({"ids": [message["id"]]})]).await,
        [message]
    );
}
