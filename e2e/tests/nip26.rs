//! NIP-26: events that a key signs for another.

use serde_json::{Value, json};
use testkit::{EventBuilder, Keys, Stack, event, note};

/// Bob signs for Alice.
fn delegated(event: EventBuilder, conditions: &str) -> EventBuilder {
    let alice = Keys::of("alice");
    let token = alice.delegate("bob", conditions);
    event
        .by("bob")
        .tag(["delegation", &alice.pubkey(), conditions, &token])
}

fn by(name: &str) -> Value {
    json!({"authors": [Keys::of(name).pubkey()], "kinds": [1]})
}

async fn delegating() -> Stack {
    Stack::builder().set("POLICY__DELEGATION", true).start().await
}

#[tokio::test]
async fn a_delegated_event_is_found_by_both_keys_stored_counted_and_live() {
    // Once from memory, once from Postgres.
    for window in [134_217_728, 0] {
        let stack = Stack::builder()
            .set("POLICY__DELEGATION", true)
            .set("WORKER__WINDOW_BYTES", window)
            .relays(2)
            .start()
            .await;
        let (mut writer, mut reader) = (stack.client_of(0).await, stack.client_of(1).await);
        for name in ["alice", "bob", "carol"] {
            reader.req(name, &[by(name)]).await;
        }
        let own = note("own").at(1).sign();
        let theirs = delegated(note("for alice").at(2), "kind=1&created_at<5").sign();
        let other = note("bob's own").by("bob").at(3).sign();
        for event in [&own, &theirs, &other] {
            writer.accepted(event).await;
        }
        let mut heard = Vec::new();
        for _ in 0..4 {
            let message = reader.expect("EVENT").await;
            heard.push((message[1].clone(), message[2]["content"].clone()));
        }
        heard.sort_by_key(|(name, content)| format!("{name}{content}"));
        assert_eq!(
            json!(heard),
            json!([
                ["alice", "for alice"],
                ["alice", "own"],
                ["bob", "bob's own"],
                ["bob", "for alice"]
            ])
        );
        assert_eq!(
            writer.req("s", &[by("alice")]).await,
            [theirs.clone(), own.clone()]
        );
        assert_eq!(
            writer.req("s", &[by("bob")]).await,
            [other.clone(), theirs.clone()]
        );
        let mut limited = by("alice");
        limited["limit"] = json!(1);
        assert_eq!(writer.req("s", &[limited]).await, std::slice::from_ref(&theirs));
        let with_id = json!({"ids": [theirs["id"]], "authors": by("alice")["authors"]});
        assert_eq!(writer.req("s", &[with_id]).await, std::slice::from_ref(&theirs));
        writer.send(json!(["COUNT", "c", by("alice"), by("bob")])).await;
        assert_eq!(writer.expect("COUNT").await[2], json!({"count": 3}));
    }
}

#[tokio::test]
async fn both_may_delete_it_also_before_it_comes() {
    let stack = delegating().await;
    let mut client = stack.client().await;
    let first = delegated(note("first"), "").sign();
    let second = delegated(note("second"), "").sign();
    client.accepted(&first).await;
    let deletion = event(5)
        .tag(["e", first["id"].as_str().unwrap()])
        .tag(["e", second["id"].as_str().unwrap()]);
    client.accepted(&deletion.clone().by("carol").sign()).await;
    assert_eq!(
        client.req("s", &[by("alice")]).await.len(),
        1,
        "strangers may not"
    );
    client.accepted(&deletion.sign()).await;
    assert!(client.req("s", &[by("alice")]).await.is_empty());
    for event in [&first, &second] {
        let ok = client.publish(event).await;
        assert!(!ok.accepted && ok.message.starts_with("blocked: "), "{ok:?}");
    }
    let third = delegated(note("third"), "").sign();
    client.accepted(&third).await;
    let own = event(5)
        .by("bob")
        .tag(["e", third["id"].as_str().unwrap()])
        .sign();
    client.accepted(&own).await;
    // Not where the third was heard live.
    let mut asking = stack.client().await;
    assert_eq!(asking.req("s", &[by("bob")]).await, Vec::<Value>::new());
}

#[tokio::test]
async fn false_tokens_and_conditions_that_do_not_hold_are_refused() {
    let stack = delegating().await;
    let mut client = stack.client().await;
    let alice = Keys::of("alice").pubkey();
    let forged = Keys::of("bob").delegate("bob", "kind=1");
    for event in [
        delegated(event(7), "kind=1").sign(),
        delegated(note("late").at(9), "created_at<9").sign(),
        delegated(note("odd"), "kind>1").sign(),
        note("forged")
            .by("bob")
            .tag(["delegation", &alice, "kind=1", &forged])
            .sign(),
        note("bare").by("bob").tag(["delegation", &alice]).sign(),
        delegated(note("stolen"), "kind=1").by("carol").sign(),
    ] {
        let ok = client.publish(&event).await;
        assert!(!ok.accepted && ok.message.starts_with("invalid: "), "{ok:?}");
    }
    assert!(client.req("s", &[json!({})]).await.is_empty());
}

#[tokio::test]
async fn switched_off_a_delegation_is_a_tag_like_any_other() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    client.accepted(&delegated(note("x"), "kind=7").sign()).await;
    assert!(client.req("s", &[by("alice")]).await.is_empty());
    assert_eq!(client.req("s", &[by("bob")]).await.len(), 1);
}

#[tokio::test]
async fn a_search_by_author_finds_both_keys_stored_counted_and_live() {
    let stack = delegating().await;
    let (mut writer, mut reader) = (stack.client().await, stack.client().await);
    let search = |name: &str| json!({"search": "purple", "authors": [Keys::of(name).pubkey()]});
    for name in ["alice", "bob", "carol"] {
        reader.req(name, &[search(name)]).await;
    }
    let theirs = delegated(note("purple"), "kind=1").sign();
    writer.accepted(&theirs).await;
    let mut heard = [reader.expect("EVENT").await, reader.expect("EVENT").await];
    heard.sort_by_key(|message| message[1].to_string());
    assert_eq!(
        heard,
        [json!(["EVENT", "alice", theirs]), json!(["EVENT", "bob", theirs])]
    );
    for (name, expected) in [("alice", 1), ("bob", 1), ("carol", 0)] {
        let asking = async {
            // An event becomes searchable after its OK.
            loop {
                writer.start("s", &[search(name)]).await;
                let (events, eose) = writer.until_eose("s").await;
                if eose == json!(["EOSE", "s", ["finish"]]) {
                    return events.len();
                }
            }
        };
        let found = tokio::time::timeout(std::time::Duration::from_secs(20), asking).await;
        assert_eq!(found.unwrap(), expected, "{name}");
        writer.send(json!(["COUNT", "c", search(name)])).await;
        assert_eq!(writer.expect("COUNT").await[2], json!({"count": expected}));
    }
}
