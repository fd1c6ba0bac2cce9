//! NIP-04: direct messages are for their author and their recipients only, by whatever way they are asked for.

use serde_json::{Value, json};
use testkit::{Client, EventBuilder, Keys, Stack, event, note};

/// From Alice to Bob.
fn message(content: &str) -> EventBuilder {
    event(4).tag(["p", &Keys::of("bob").pubkey()]).content(content)
}

async fn as_somebody(stack: &Stack, names: &[&str]) -> Client {
    let mut client = stack.client().await;
    for name in names {
        client.authenticate(name).await;
    }
    client
}

/// Every way to ask for a message among others.
fn mixed_filters(message: &Value) -> Vec<Value> {
    let (alice, bob) = (Keys::of("alice").pubkey(), Keys::of("bob").pubkey());
    vec![
        json!({}),
        json!({"ids": [message["id"]]}),
        json!({"kinds": [1, 4]}),
        json!({"authors": [alice]}),
        json!({"#p": [bob]}),
        json!({"authors": [alice], "#p": [bob]}),
        json!({"since": 1, "limit": 10}),
    ]
}

async fn stack(window_bytes: usize) -> Stack {
    Stack::builder()
        .set("WORKER__WINDOW_BYTES", window_bytes)
        .start()
        .await
}

/// What each of them sees; in memory and in Postgres.
async fn only_parties_see(stack: &Stack) {
    let message = message("psst").sign();
    stack.client().await.accepted(&message).await;
    let people: [(&[&str], u64); 6] = [
        (&[], 0),
        (&["carol"], 0),
        (&["alice"], 1),
        (&["bob"], 1),
        (&["carol", "bob"], 1),
        (&["alice", "bob"], 1),
    ];
    for (names, seen) in people {
        let mut client = as_somebody(stack, names).await;
        for filter in mixed_filters(&message) {
            let filters = [filter];
            let found = client.req("s", &filters).await;
            assert_eq!(found.len() as u64, seen, "{names:?} {filters:?}");
            assert_eq!(client.count(&filters).await, seen, "{names:?} {filters:?}");
            client.send(json!(["CLOSE", "s"])).await;
        }
    }
}

#[tokio::test]
async fn only_author_and_recipient_see_a_message() {
    only_parties_see(&stack(134_217_728).await).await;
}

#[tokio::test]
async fn only_author_and_recipient_see_a_message_that_is_not_in_memory() {
    only_parties_see(&stack(0).await).await;
}

#[tokio::test]
async fn who_asks_for_messages_only_has_to_authenticate() {
    let stack = Stack::start().await;
    let message = message("psst").sign();
    let mut client = stack.client().await;
    client.accepted(&message).await;
    let (alice, bob, carol) = (
        Keys::of("alice").pubkey(),
        Keys::of("bob").pubkey(),
        Keys::of("carol").pubkey(),
    );
    for filter in [
        json!({"kinds": [4]}),
        json!({"kinds": [4], "authors": [alice]}),
        json!({"kinds": [4], "#p": [bob]}),
        json!({"kinds": [4], "ids": [message["id"]]}),
    ] {
        for verb in ["REQ", "COUNT"] {
            let reason = client
                .refused(verb, &[json!({"kinds": [1]}), filter.clone()])
                .await;
            assert!(reason.starts_with("auth-required: "), "{verb} {filter} {reason}");
        }
    }
    client.authenticate("carol").await;
    let of_others = [json!({"kinds": [4], "authors": [alice], "#p": [bob]})];
    for verb in ["REQ", "COUNT"] {
        let reason = client.refused(verb, &of_others).await;
        assert!(reason.starts_with("restricted: "), "{verb} {reason}");
    }
    // What she may ask for holds nothing of the others'.
    for filter in [json!({"kinds": [4]}), json!({"kinds": [4], "#p": [carol]})] {
        assert_eq!(client.count(std::slice::from_ref(&filter)).await, 0, "{filter}");
        assert!(client.req("own", &[filter]).await.is_empty());
    }
    client.authenticate("bob").await;
    assert_eq!(
        client.req("own", &[json!({"kinds": [4]})]).await,
        std::slice::from_ref(&message)
    );
    assert_eq!(client.req("own", &of_others).await, [message]);
}

#[tokio::test]
async fn a_live_message_reaches_its_parties_only() {
    let stack = Stack::builder().relays(2).start().await;
    let mut writer = stack.client().await;
    let mut readers = Vec::new();
    for (relay, name) in [
        (0, None),
        (1, Some("carol")),
        (0, Some("alice")),
        (1, Some("bob")),
    ] {
        let mut reader = stack.client_of(relay).await;
        if let Some(name) = name {
            reader.authenticate(name).await;
        }
        reader
            .req("live", &[json!({"kinds": [1, 4]}), json!({"limit": 0})])
            .await;
        readers.push(reader);
    }
    let (message, public) = (message("now").sign(), note("for all").sign());
    writer.accepted(&message).await;
    writer.accepted(&public).await;
    for (place, reader) in readers.iter_mut().enumerate() {
        if place >= 2 {
            assert_eq!(reader.live("live").await, message, "reader {place}");
        }
        assert_eq!(reader.live("live").await, public, "reader {place}");
    }
}

#[tokio::test]
async fn a_limit_counts_what_the_reader_may_see() {
    for window_bytes in [0, 134_217_728] {
        let stack = stack(window_bytes).await;
        let mut writer = stack.client().await;
        writer.accepted(&note("old").at(1_000).sign()).await;
        for at in 1_001..1_030 {
            writer.accepted(&message(&at.to_string()).at(at).sign()).await;
        }
        let mut reader = stack.client().await;
        for filter in [
            json!({"limit": 1}),
            json!({"kinds": [1, 4], "limit": 1}),
            json!({"authors": [Keys::of("alice").pubkey()], "limit": 1}),
        ] {
            reader.start("s", &[filter]).await;
            let (found, eose) = reader.until_eose("s").await;
            assert_eq!(found[0]["content"], "old");
            assert_eq!(eose.get(2), None, "not even that there is more is told");
        }
    }
}

#[tokio::test]
async fn the_operator_may_let_everybody_read_them() {
    let stack = Stack::builder()
        .set("PRIVACY__DIRECT_MESSAGES", false)
        .start()
        .await;
    let mut client = stack.client().await;
    let message = message("postcard").sign();
    client.accepted(&message).await;
    assert_eq!(client.req("s", &[json!({"kinds": [4]})]).await, [message]);
    let reason = client.refused("REQ", &[json!({"kinds": [1059]})]).await;
    assert!(
        reason.starts_with("auth-required: "),
        "wraps have a switch of their own: {reason}"
    );
}
