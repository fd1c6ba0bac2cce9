//! Bad input gets a clear answer, and the connection lives on.

use serde_json::{Value, json};
use testkit::{Client, Stack, event, note};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

/// The answer's verb, whom it is for, and its prefix.
async fn answer(client: &mut Client) -> (String, Value, String) {
    let message = client.next().await;
    let (verb, id, reason) = match message[0].as_str().unwrap() {
        "OK" => {
            assert_eq!(message[2], false, "{message}");
            ("OK", message[1].clone(), &message[3])
        }
        "CLOSED" => ("CLOSED", message[1].clone(), &message[2]),
        "NOTICE" => ("NOTICE", Value::Null, &message[1]),
        _ => panic!("{message}"),
    };
    let prefix = reason.as_str().unwrap().split(':').next().unwrap().to_owned();
    (verb.to_owned(), id, prefix)
}

async fn check(client: &mut Client, text: impl ToString, verb: &str, id: Value, prefix: &str) {
    let text = text.to_string();
    client.send(&text).await;
    let shown: String = text.chars().take(120).collect();
    assert_eq!(
        answer(client).await,
        (verb.to_owned(), id, prefix.to_owned()),
        "{shown}"
    );
}

fn with(event: &Value, key: &str, value: Value) -> Value {
    let mut event = event.clone();
    event[key] = value;
    json!(["EVENT", event])
}

#[tokio::test]
async fn what_is_no_message_gets_a_notice() {
    let stack = Stack::start().await;
    let client = &mut stack.client().await;
    let deep = "[".repeat(5000);
    for text in [
        "",
        "{",
        "hello",
        "[\"REQ\"",
        "{}",
        "[]",
        "null",
        "42",
        "\"EVENT\"",
        "[\"NOPE\"]",
        "[1]",
        "[null,1]",
        "[\"EVENT\"]",
        "[\"EVENT\",7]",
        "[\"EVENT\",[]]",
        "[\"REQ\"]",
        "[\"REQ\",1,{}]",
        "[\"CLOSE\"]",
        "[\"CLOSE\",7]",
        "[\"CLOSE\",\"\"]",
        "[\"AUTH\",\"challenge\"]",
        "[\"event\",{}]",
        deep.as_str(),
        "[\"EVENT\",{\"id\":1e999}]",
    ] {
        check(client, text, "NOTICE", Value::Null, "invalid").await;
    }
    client.accepted(&note("still here").sign()).await;
}

#[tokio::test]
async fn a_broken_event_gets_ok_false_with_its_id() {
    let stack = Stack::start().await;
    let client = &mut stack.client().await;
    let good = note("good").at(1).sign();
    let id = &good["id"];
    let mut upper = good.clone();
    upper["id"] = json!(id.as_str().unwrap().to_uppercase());
    let other = note("other").sign();
    for (key, value) in [
        ("content", json!("changed")),
        ("content", json!(7)),
        ("content", Value::Null),
        ("sig", other["sig"].clone()),
        ("sig", json!("00")),
        ("sig", json!("0".repeat(128))),
        ("pubkey", other["id"].clone()),
        ("pubkey", json!(good["pubkey"].as_str().unwrap().to_uppercase())),
        ("pubkey", json!("f".repeat(64))),
        ("kind", json!(65_536)),
        ("kind", json!(-1)),
        ("kind", json!(1.5)),
        ("kind", json!("1")),
        ("created_at", json!(-1)),
        ("created_at", json!(1.5)),
        ("created_at", json!("1")),
        ("created_at", json!(u64::MAX)),
        ("created_at", json!(1e300)),
        ("tags", json!({})),
        ("tags", json!(["t"])),
        ("tags", json!([["t"], []])),
        ("tags", json!([["t", 1]])),
        ("tags", json!([["t", null]])),
        ("tags", json!([["t", ["x"]]])),
    ] {
        check(
            client,
            with(&good, key, value.clone()),
            "OK",
            id.clone(),
            "invalid",
        )
        .await;
    }
    check(
        client,
        json!(["EVENT", upper]),
        "OK",
        upper["id"].clone(),
        "invalid",
    )
    .await;
    for key in ["pubkey", "created_at", "kind", "tags", "content", "sig"] {
        let mut event = good.clone();
        event.as_object_mut().unwrap().remove(key);
        check(client, json!(["EVENT", event]), "OK", id.clone(), "invalid").await;
    }
    check(
        client,
        with(&good, "id", json!("ab")),
        "OK",
        json!("ab"),
        "invalid",
    )
    .await;
    client.accepted(&good).await;
}

#[tokio::test]
async fn a_broken_req_gets_closed_with_its_id() {
    let stack = Stack::start().await;
    let client = &mut stack.client().await;
    let upper = "A".repeat(64);
    for filter in [
        json!([]),
        json!(7),
        json!("x"),
        json!(null),
        json!({"ids": "x"}),
        json!({"ids": ["ab"]}),
        json!({"ids": [upper]}),
        json!({"authors": [upper]}),
        json!({"#e": ["ab"]}),
        json!({"#p": [upper]}),
        json!({"kinds": ["1"]}),
        json!({"kinds": [-1]}),
        json!({"kinds": [1.5]}),
        json!({"since": -1}),
        json!({"since": "1"}),
        json!({"until": 1.5}),
        json!({"limit": -1}),
        json!({"limit": "5"}),
        json!({"limit": 1e300}),
        json!({"since": 2, "until": 1}),
        json!({"#t": [1]}),
    ] {
        check(
            client,
            json!(["REQ", "s", filter]),
            "CLOSED",
            json!("s"),
            "invalid",
        )
        .await;
        check(
            client,
            json!(["COUNT", "c", filter]),
            "CLOSED",
            json!("c"),
            "invalid",
        )
        .await;
    }
    check(client, json!(["REQ", "s"]), "CLOSED", json!("s"), "invalid").await;
    check(client, json!(["REQ", "", {}]), "CLOSED", json!(""), "invalid").await;
    check(
        client,
        json!(["REQ", "x".repeat(65), {}]),
        "CLOSED",
        json!("x".repeat(65)),
        "invalid",
    )
    .await;
    check(
        client,
        json!(["REQ", "s", {"nonsense": 1}]),
        "CLOSED",
        json!("s"),
        "unsupported",
    )
    .await;
    assert!(
        client.req("s", &[json!({"kinds": [70_000]})]).await.is_empty(),
        "a kind that cannot be matches nothing"
    );
}

#[tokio::test]
async fn more_than_the_limits_is_refused_clearly() {
    let stack = Stack::builder()
        .set("LIMITS__MAX_MESSAGE_LENGTH", 4096)
        .set("LIMITS__MAX_FILTERS", 2)
        .set("LIMITS__MAX_SUBSCRIPTIONS", 2)
        .set("LIMITS__MAX_FILTER_VALUES", 5)
        .set("LIMITS__MAX_EVENT_TAGS", 3)
        .set("LIMITS__MAX_CONTENT_LENGTH", 10)
        .set("LIMITS__MAX_TAG_VALUE_LENGTH", 20)
        .set("LIMITS__MAX_LIMIT", 2)
        .start()
        .await;
    let client = &mut stack.client().await;
    check(
        client,
        format!("[\"CLOSE\",\"{}\"]", "x".repeat(5000)),
        "NOTICE",
        Value::Null,
        "invalid",
    )
    .await;
    check(
        client,
        json!(["REQ", "s", {}, {}, {}]),
        "CLOSED",
        json!("s"),
        "invalid",
    )
    .await;
    check(
        client,
        json!(["REQ", "s", {"kinds": [1, 2, 3, 4, 5, 6]}]),
        "CLOSED",
        json!("s"),
        "invalid",
    )
    .await;
    let many = note("x").tag(["t"]).tag(["t"]).tag(["t"]).tag(["t"]).sign();
    check(
        client,
        json!(["EVENT", many]),
        "OK",
        many["id"].clone(),
        "invalid",
    )
    .await;
    let long = note("elevenchars").sign();
    check(
        client,
        json!(["EVENT", long]),
        "OK",
        long["id"].clone(),
        "invalid",
    )
    .await;
    let tag = note("x").tag(["t", "123456789012345678901"]).sign();
    check(client, json!(["EVENT", tag]), "OK", tag["id"].clone(), "invalid").await;
    client.accepted(&note("😀😀😀😀😀😀😀😀😀😀").sign()).await;
    client.accepted(&note("b").sign()).await;
    client.accepted(&note("c").sign()).await;
    assert_eq!(client.req("1", &[json!({"limit": 50})]).await.len(), 2);
    client.req("2", &[json!({})]).await;
    check(
        client,
        json!(["REQ", "3", {}]),
        "CLOSED",
        json!("3"),
        "rate-limited",
    )
    .await;
    client.req("2", &[json!({"kinds": [1]})]).await;
    client.send(json!(["CLOSE", "1"])).await;
    client.req("3", &[json!({})]).await;
}

#[tokio::test]
async fn frames_that_are_not_text_get_a_notice() {
    let stack = Stack::start().await;
    let client = &mut stack.client().await;
    client.send_frame(Message::binary(vec![1, 2, 3])).await;
    assert_eq!(
        answer(client).await,
        ("NOTICE".to_owned(), Value::Null, "invalid".to_owned())
    );
    client.send_frame(Message::Ping(vec![7].into())).await;
    client.accepted(&note("still here").sign()).await;
    let text = Utf8Bytes::from_static("[\"CLOSE\",\"x\"]");
    client.send_frame(Message::Text(text)).await;
    client.accepted(&note("and here").sign()).await;
}

#[tokio::test]
async fn policies_refuse_with_their_prefix() {
    let stack = Stack::start().await;
    let client = &mut stack.client().await;
    for (event, prefix) in [
        (note("future").in_seconds(3600), "invalid"),
        (event(22_242), "invalid"),
        (note("late").tag(["expiration", "5"]), "invalid"),
        (note("odd").tag(["expiration", "soon"]), "invalid"),
        (note("protected").tag(["-"]), "auth-required"),
    ] {
        let event = event.sign();
        check(client, json!(["EVENT", event]), "OK", event["id"].clone(), prefix).await;
    }
}
