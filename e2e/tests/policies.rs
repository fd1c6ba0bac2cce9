//! `[policy]`: each rule refuses with its prefix, and says nothing of other kinds.

use serde_json::{Value, json};
use testkit::{Client, EventBuilder, Keys, Stack, event, note};

/// Accepted, or the prefix of the reason.
async fn verdict(client: &mut Client, event: &EventBuilder) -> String {
    let ok = client.publish(&event.sign()).await;
    match ok.message.split_once(": ") {
        _ if ok.accepted => "accepted".to_owned(),
        Some((prefix, _)) => prefix.to_owned(),
        None => panic!("{ok:?}"),
    }
}

fn mentioning(kind: u16, people: usize) -> EventBuilder {
    (0..people).fold(event(kind), |event, number| {
        event.tag(["p", &Keys::of(&number.to_string()).pubkey()])
    })
}

#[tokio::test]
async fn every_rule_says_what_it_refuses() {
    let key = |name: &str| json!([Keys::of(name).pubkey()]);
    let stack = Stack::builder()
        .set("POLICY__CREATED_AT_LOWER_LIMIT", 3600)
        .set("POLICY__CREATED_AT_UPPER_LIMIT", 60)
        .set("POLICY__ALLOWED_KINDS", "[0, 1, 3, 4, 5, 7, 10002]")
        .set("POLICY__DENIED_KINDS", "[4]")
        .set("POLICY__DENIED_PUBKEYS", key("mallory"))
        .set("POLICY__MAX_MENTIONS", 2)
        .start()
        .await;
    let mut client = stack.client().await;
    for (event, expected) in [
        (note("fine"), "accepted"),
        (note("not too old").in_seconds(-3000), "accepted"),
        (note("too old").in_seconds(-4000), "invalid"),
        (note("not too early").in_seconds(30), "accepted"),
        (note("too early").in_seconds(100), "invalid"),
        (event(6), "blocked"),
        (event(4), "blocked"),
        (note("mine").by("mallory"), "blocked"),
        (mentioning(1, 2), "accepted"),
        (mentioning(1, 3), "blocked"),
        (mentioning(3, 3), "accepted"),
        (note("late").tag(["expiration", "5"]), "invalid"),
        (note("protected").tag(["-"]), "auth-required"),
    ] {
        assert_eq!(verdict(&mut client, &event).await, expected, "{}", event.sign());
    }
}

#[tokio::test]
async fn what_is_said_of_a_kind_goes_over_what_is_said_of_all() {
    let rules = "[{kinds = [7], max_bytes = 400, max_tags = 1}, {kinds = [1, 7], min_level = 1}, \
                 {kinds = [1063], created_at_lower_limit = 0}, {kinds = [10002], open = true, min_level = 0}]";
    let stack = Stack::builder()
        .set("POLICY__CREATED_AT_LOWER_LIMIT", 3600)
        .set("POLICY__ALLOWED_PUBKEYS", json!([Keys::of("alice").pubkey()]))
        .set("POLICY__KINDS", rules)
        .start()
        .await;
    let mut client = stack.client().await;
    let long = "x".repeat(400);
    for (event, expected) in [
        // Of several rules that name a kind the first counts.
        (event(7), "accepted"),
        (event(7).tag(["t", "a"]).tag(["t", "b"]), "invalid"),
        (event(7).content(&long), "invalid"),
        (note("by nobody in particular"), "auth-required"),
        (event(0).in_seconds(-4000), "invalid"),
        (event(1063).in_seconds(-4000), "accepted"),
        (event(1063).by("bob"), "restricted"),
        (event(10_002).by("bob"), "accepted"),
        (event(0).content(&long), "accepted"),
    ] {
        assert_eq!(verdict(&mut client, &event).await, expected, "{}", event.sign());
    }
    let stored = client.req("s", &[json!({"kinds": [0, 7, 10_002]})]).await;
    let kinds: Vec<&Value> = stored.iter().map(|event| &event["kind"]).collect();
    assert_eq!(kinds.len(), 3, "{kinds:?}");
}
