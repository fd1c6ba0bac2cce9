//! NIP-59: gift wraps, and what NIP-17 sends in them, are for their recipient only.

use serde_json::{Value, json};
use testkit::{EventBuilder, Keys, Stack, event, note};

/// By a key that nobody else uses, to Bob.
fn wrap(kind: u16, key: &str) -> EventBuilder {
    event(kind).by(key).tag(["p", &Keys::of("bob").pubkey()])
}

#[tokio::test]
async fn only_its_recipient_gets_a_wrap() {
    for window_bytes in [0, 134_217_728] {
        let stack = Stack::builder()
            .set("WORKER__WINDOW_BYTES", window_bytes)
            .start()
            .await;
        let wrap = wrap(1059, "one-time").sign();
        stack.client().await.accepted(&wrap).await;
        let bob = Keys::of("bob").pubkey();
        let (mut nobody, mut carol, mut receiver) =
            (stack.client().await, stack.client().await, stack.client().await);
        carol.authenticate("carol").await;
        receiver.authenticate("bob").await;

        let to_bob = [json!({"kinds": [1059], "#p": [bob]})];
        for verb in ["REQ", "COUNT"] {
            let reason = nobody.refused(verb, &to_bob).await;
            assert!(reason.starts_with("auth-required: "), "{verb} {reason}");
            let reason = carol.refused(verb, &to_bob).await;
            assert!(reason.starts_with("restricted: "), "{verb} {reason}");
        }
        for filter in [json!({}), json!({"ids": [wrap["id"]]}), json!({"#p": [bob]})] {
            for client in [&mut nobody, &mut carol] {
                assert_eq!(client.count(std::slice::from_ref(&filter)).await, 0, "{filter}");
                assert!(client.req("s", std::slice::from_ref(&filter)).await.is_empty());
            }
            assert_eq!(receiver.req("s", &[filter]).await, std::slice::from_ref(&wrap));
        }
        assert_eq!(receiver.req("s", &to_bob).await, [wrap]);
        assert_eq!(receiver.count(&to_bob).await, 1);
    }
}

#[tokio::test]
async fn an_ephemeral_wrap_is_passed_on_to_its_recipient_and_not_stored() {
    let stack = Stack::start().await;
    let (mut carol, mut bob) = (stack.client().await, stack.client().await);
    carol.authenticate("carol").await;
    bob.authenticate("bob").await;
    for client in [&mut carol, &mut bob] {
        client.req("live", &[json!({"limit": 0})]).await;
    }
    let (wrap, public) = (wrap(21_059, "one-time").sign(), note("for all").sign());
    let mut writer = stack.client().await;
    writer.accepted(&wrap).await;
    writer.accepted(&public).await;
    assert_eq!(bob.live("live").await, wrap);
    assert_eq!(bob.live("live").await, public);
    assert_eq!(carol.live("live").await, public);
    assert_eq!(bob.count(&[json!({"kinds": [21_059]})]).await, 0);
}

#[tokio::test]
async fn what_should_not_leave_a_wrap_is_guarded_like_it() {
    let stack = Stack::start().await;
    let mut writer = stack.client().await;
    let leaked: Vec<Value> = [14, 15]
        .into_iter()
        .map(|kind| wrap(kind, "alice").sign())
        .collect();
    for event in &leaked {
        writer.accepted(event).await;
    }
    writer.accepted(&event(13).content("sealed").sign()).await;
    let kinds = json!({"kinds": [13, 14, 15]});
    let reason = writer.refused("REQ", std::slice::from_ref(&kinds)).await;
    assert!(reason.starts_with("auth-required: "), "{reason}");
    for (name, seen) in [("carol", 0), ("bob", 2), ("alice", 3)] {
        let mut client = stack.client().await;
        client.authenticate(name).await;
        assert_eq!(client.count(std::slice::from_ref(&kinds)).await, seen, "{name}");
    }
}

#[tokio::test]
async fn the_operator_may_let_everybody_see_them() {
    let stack = Stack::builder().set("PRIVACY__GIFT_WRAPS", false).start().await;
    let mut client = stack.client().await;
    let wrap = wrap(1059, "one-time").sign();
    client.accepted(&wrap).await;
    assert_eq!(client.req("s", &[json!({"kinds": [1059]})]).await, [wrap]);
    let reason = client.refused("REQ", &[json!({"kinds": [4]})]).await;
    assert!(reason.starts_with("auth-required: "), "{reason}");
}

fn deletion(of: &Value, by: &str) -> Value {
    event(5).by(by).tag(["e", of["id"].as_str().unwrap()]).sign()
}

#[tokio::test]
async fn its_recipient_deletes_a_wrap_for_good_and_nobody_else_does() {
    for window_bytes in [0, 134_217_728] {
        let stack = Stack::builder()
            .set("WORKER__WINDOW_BYTES", window_bytes)
            .start()
            .await;
        let (mut writer, mut bob) = (stack.client().await, stack.client().await);
        bob.authenticate("bob").await;
        let mine = [json!({"kinds": [1059]})];
        // As old as NIP-59 makes them, by keys that were never seen before.
        let wraps: Vec<Value> = (0..3)
            .map(|n| {
                wrap(1059, &format!("one-time {n}"))
                    .in_seconds(-172_800 + n)
                    .sign()
            })
            .collect();
        for wrap in &wraps[..2] {
            writer.accepted(wrap).await;
        }
        for by in ["carol", "one-time 1"] {
            writer.accepted(&deletion(&wraps[0], by)).await;
        }
        assert_eq!(bob.count(&mine).await, 2, "strangers may not");
        for wrap in [&wraps[0], &wraps[2]] {
            writer.accepted(&deletion(wrap, "bob")).await;
        }
        assert_eq!(bob.count(&mine).await, 1);
        assert_eq!(bob.req("stored", &mine).await, std::slice::from_ref(&wraps[1]));
        let by_id = json!({"ids": [wraps[0]["id"]]});
        assert!(bob.req("by id", &[by_id]).await.is_empty());

        bob.req("live", &[json!({"kinds": [1, 1059], "limit": 0})]).await;
        for wrap in [&wraps[0], &wraps[2]] {
            let again = writer.publish(wrap).await;
            assert!(
                !again.accepted && again.message.starts_with("blocked: "),
                "deleted, also before it came: {again:?}"
            );
        }
        let public = note("after them").sign();
        writer.accepted(&public).await;
        assert_eq!(bob.live("live").await, public, "no deleted wrap before it");
        assert_eq!(bob.count(&mine).await, 1);
    }
}
