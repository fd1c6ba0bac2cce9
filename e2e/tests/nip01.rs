//! NIP-01 over a websocket.

use serde_json::{Value, json};
use testkit::{Keys, Stack, event, note};

pub fn contents(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["content"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn what_is_published_can_be_read_back_as_it_was() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    let event = note("nul \0 quote \" line \n 😀").tag(["t", "x"]).sign();
    client.accepted(&event).await;
    assert_eq!(client.req("all", &[json!({"ids": [event["id"]]})]).await, [event]);
}

#[tokio::test]
async fn a_duplicate_is_accepted_and_said_to_be_one() {
    let stack = Stack::start().await;
    let (mut one, mut other) = (stack.client().await, stack.client().await);
    let event = note("once").sign();
    one.accepted(&event).await;
    for client in [&mut one, &mut other] {
        let ok = client.publish(&event).await;
        assert!(ok.accepted && ok.message.starts_with("duplicate: "), "{ok:?}");
    }
    assert_eq!(other.req("all", &[json!({})]).await.len(), 1);
}

#[tokio::test]
async fn the_same_event_twice_in_flight_gets_an_ok_each() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    let event = note("hurry").sign();
    client.send(json!(["EVENT", event])).await;
    client.send(json!(["EVENT", event])).await;
    assert!(client.ok_for(&event).await.accepted);
    assert!(client.ok_for(&event).await.accepted);
}

#[tokio::test]
async fn newest_come_first_and_limit_holds() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    for at in [3, 1, 4, 2] {
        client.accepted(&note(&at.to_string()).at(at).sign()).await;
    }
    assert_eq!(
        contents(&client.req("s", &[json!({"limit": 3})]).await),
        ["4", "3", "2"]
    );
    client.start("s", &[json!({"kinds": [1], "limit": 3})]).await;
    assert_eq!(client.until_eose("s").await.1, json!(["EOSE", "s", ["more"]]));
    client.start("s", &[json!({"kinds": [1], "limit": 4})]).await;
    assert_eq!(client.until_eose("s").await.1, json!(["EOSE", "s", ["finish"]]));
}

#[tokio::test]
async fn live_events_follow_the_eose_on_matching_subscriptions_only() {
    let stack = Stack::start().await;
    let (mut reader, mut writer) = (stack.client().await, stack.client().await);
    let bob = Keys::of("bob").pubkey();
    assert!(reader.req("bob", &[json!({"authors": [bob]})]).await.is_empty());
    assert!(
        reader
            .req("sevens", &[json!({"kinds": [7]}), json!({"#t": ["seven"]})])
            .await
            .is_empty()
    );
    let by_bob = note("by bob").by("bob").sign();
    writer.accepted(&note("by alice").sign()).await;
    writer.accepted(&by_bob).await;
    let seven = event(7).tag(["t", "seven"]).sign();
    writer.accepted(&seven).await;
    assert_eq!(reader.next().await, json!(["EVENT", "bob", by_bob]));
    assert_eq!(reader.next().await, json!(["EVENT", "sevens", seven]));
}

#[tokio::test]
async fn limit_zero_is_live_only() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    client.accepted(&note("before").sign()).await;
    assert!(client.req("live", &[json!({"limit": 0})]).await.is_empty());
    let after = note("after").sign();
    client.send(json!(["EVENT", after])).await;
    assert_eq!(client.live("live").await, after);
}

#[tokio::test]
async fn a_closed_subscription_is_silent() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    client.req("a", &[json!({})]).await;
    client.req("b", &[json!({})]).await;
    client.send(json!(["CLOSE", "a"])).await;
    let event = note("x").sign();
    client.accepted(&event).await;
    assert_eq!(client.expect("EVENT").await[1], "b");
    client.send("sync").await;
    assert_eq!(client.next().await[0], "NOTICE");
}

#[tokio::test]
async fn a_new_req_of_the_same_name_replaces_the_old_one() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    client.accepted(&note("note").sign()).await;
    client.accepted(&event(7).content("reaction").sign()).await;
    client.start("s", &[json!({"kinds": [1]})]).await;
    client.start("s", &[json!({"kinds": [7]})]).await;
    // The first may have been answered before it was replaced; the last answer is the second's.
    let mut events = client.until_eose("s").await.0;
    if contents(&events) == ["note"] {
        events = client.until_eose("s").await.0;
    }
    assert_eq!(contents(&events), ["reaction"]);
    let live = event(7).content("live").sign();
    client.accepted(&note("other").sign()).await;
    client.send(json!(["EVENT", live])).await;
    assert_eq!(client.live("s").await, live);
}

#[tokio::test]
async fn no_gap_and_no_duplicate_between_stored_and_live() {
    let stack = Stack::builder().relays(2).workers(2).start().await;
    let (mut writer, mut reader) = (stack.client_of(0).await, stack.client_of(1).await);
    let events: Vec<Value> = (0..200)
        .map(|n| note(&format!("n{n}")).at(1_700_000_000 + n).sign())
        .collect();
    for event in &events {
        writer.send(json!(["EVENT", event])).await;
    }
    // In the middle of it: what is not stored yet has to come live, and nothing twice.
    reader.start("s", &[json!({"kinds": [1], "limit": 500})]).await;
    let (stored, _) = reader.until_eose("s").await;
    let mut ids: Vec<String> = stored.iter().map(|event| event["id"].to_string()).collect();
    while ids.len() < events.len() {
        ids.push(reader.live("s").await["id"].to_string());
    }
    for event in &events {
        assert!(writer.ok_for(event).await.accepted);
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), events.len());
    reader.send("sync").await;
    assert_eq!(reader.next().await[0], "NOTICE", "nothing came twice");
}

#[tokio::test]
async fn what_has_its_ok_is_found_by_everybody_and_what_was_deleted_by_nobody() {
    let stack = Stack::builder().relays(2).workers(2).start().await;
    let (mut writer, mut reader) = (stack.client_of(0).await, stack.client_of(1).await);
    let notes = [json!({"kinds": [1]})];
    for n in 0..15 {
        let note = note(&n.to_string()).sign();
        writer.accepted(&note).await;
        assert_eq!(reader.count(&notes).await, 1, "{n}");
        // Twice: nothing has changed since, and either worker is asked.
        for _ in 0..2 {
            assert_eq!(reader.req("s", &notes).await, std::slice::from_ref(&note), "{n}");
            reader.send(json!(["CLOSE", "s"])).await;
        }
        let id = note["id"].as_str().unwrap();
        writer.accepted(&event(5).tag(["e", id]).sign()).await;
        assert_eq!(reader.req("s", &notes).await.len(), 0, "{n}");
        reader.send(json!(["CLOSE", "s"])).await;
        assert_eq!(reader.count(&notes).await, 0, "{n}");
    }
}

#[tokio::test]
async fn count_counts_each_event_once() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    for n in 0..5 {
        client
            .accepted(&note(&n.to_string()).tag(["t", "x"]).sign())
            .await;
    }
    client
        .send(json!(["COUNT", "c:1", {"kinds": [1], "limit": 1}, {"#t": ["x"]}]))
        .await;
    assert_eq!(client.next().await, json!(["COUNT", "c:1", {"count": 5}]));
}

#[tokio::test]
async fn any_subscription_id_works() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    let event = note("x").sign();
    client.accepted(&event).await;
    for id in ["a:b", "*", " ", "\"\\\n", "😀", &"x".repeat(64)] {
        assert_eq!(client.req(id, &[json!({})]).await.len(), 1, "{id:?}");
        client.send(json!(["CLOSE", id])).await;
    }
}

#[tokio::test]
async fn the_names_of_subscriptions_belong_to_their_connection() {
    let stack = Stack::start().await;
    let (mut one, mut other) = (stack.client().await, stack.client().await);
    one.req("s", &[json!({"kinds": [1]})]).await;
    other.req("s", &[json!({"kinds": [7]})]).await;
    let (text, reaction) = (note("x").sign(), event(7).sign());
    one.accepted(&text).await;
    one.accepted(&reaction).await;
    assert_eq!(one.live("s").await, text);
    assert_eq!(other.live("s").await, reaction);
    one.send(json!(["CLOSE", "s"])).await;
    let another = event(7).content("still open").sign();
    one.accepted(&another).await;
    assert_eq!(other.live("s").await, another);
}

#[tokio::test]
async fn only_one_path_is_the_relay() {
    let stack = Stack::start().await;
    for path in ["/relay", "/index.html", "//", "/a/b"] {
        let refused = tokio_tungstenite::connect_async(format!("{}{path}", stack.url())).await;
        assert!(
            matches!(&refused, Err(tokio_tungstenite::tungstenite::Error::Http(answer)) if answer.status() == 404),
            "{path}: {refused:?}"
        );
    }
    let mut client = testkit::Client::connect(&format!("{}/?a=b", stack.url())).await;
    client.accepted(&note("a query changes nothing").sign()).await;
}

#[tokio::test]
async fn whatever_is_refused_or_repeated_says_why_with_a_known_prefix() {
    let stack = Stack::builder()
        .set("POLICY__DENIED_KINDS", "[4]")
        .set(
            "POLICY__DENIED_PUBKEYS",
            format!("[\"{}\"]", Keys::of("mallory").pubkey()),
        )
        .start()
        .await;
    let mut client = stack.client().await;
    let known = note("known").sign();
    client.accepted(&known).await;
    let mut forged = note("forged").sign();
    forged["content"] = json!("changed");
    for (event, accepted, prefix) in [
        (known, true, "duplicate"),
        (forged, false, "invalid"),
        (event(4).sign(), false, "blocked"),
        (note("x").by("mallory").sign(), false, "blocked"),
        (note("x").in_seconds(100_000).sign(), false, "invalid"),
        (note("x").tag(["-"]).sign(), false, "auth-required"),
        (event(22_242).sign(), false, "invalid"),
    ] {
        let ok = client.publish(&event).await;
        let (found, text) = ok.message.split_once(": ").expect("a prefix and a text");
        assert_eq!((ok.accepted, found), (accepted, prefix), "{ok:?}");
        assert!(testkit::PREFIXES.contains(&found) && !text.is_empty(), "{ok:?}");
    }
    for (filter, prefix) in [
        (json!({"authors": ["ab"]}), "invalid"),
        (json!({"nonsense": 1}), "unsupported"),
    ] {
        client.start("s", &[filter]).await;
        let closed = client.expect("CLOSED").await;
        let text = closed[2].as_str().unwrap();
        assert!(text.starts_with(&format!("{prefix}: ")), "{closed}");
    }
}
