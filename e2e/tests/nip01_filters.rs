//! NIP-01: what filters choose, stored and live, in which order and how many.

use serde_json::{Value, json};
use testkit::{Keys, Stack, event, note};

fn contents(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["content"].as_str().unwrap())
        .collect()
}

fn ids(events: &[Value]) -> Vec<String> {
    events
        .iter()
        .map(|event| event["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn among_equally_old_events_the_lowest_id_comes_first_and_a_limit_keeps_it() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    let events: Vec<Value> = (0..8).map(|n| note(&n.to_string()).at(7).sign()).collect();
    for event in &events {
        client.accepted(event).await;
    }
    let mut sorted = ids(&events);
    sorted.sort();
    for filter in [
        json!({}),
        json!({"kinds": [1]}),
        json!({"authors": [Keys::of("alice").pubkey()]}),
    ] {
        assert_eq!(
            ids(&client.req("s", std::slice::from_ref(&filter)).await),
            sorted,
            "{filter}"
        );
        let mut limited = filter;
        limited["limit"] = json!(3);
        assert_eq!(ids(&client.req("s", &[limited]).await), sorted[..3]);
    }
}

#[tokio::test]
async fn without_a_limit_the_newest_come_as_many_as_the_default_allows() {
    let stack = Stack::builder().set("LIMITS__DEFAULT_LIMIT", 2).start().await;
    let mut client = stack.client().await;
    for at in [2, 3, 1] {
        client.accepted(&note(&at.to_string()).at(at).sign()).await;
    }
    assert_eq!(contents(&client.req("s", &[json!({})]).await), ["3", "2"]);
}

#[tokio::test]
async fn each_filter_has_its_limit_and_each_event_comes_once() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    for at in 1..=4 {
        client
            .accepted(&note(&format!("a{at}")).at(at).tag(["t", "x"]).sign())
            .await;
        client
            .accepted(&note(&format!("b{at}")).by("bob").at(10 + at).sign())
            .await;
    }
    let (alice, bob) = (Keys::of("alice").pubkey(), Keys::of("bob").pubkey());
    let filters = [
        json!({"authors": [alice], "limit": 2}),
        json!({"authors": [bob], "limit": 1}),
        json!({"#t": ["x"], "limit": 3}),
        json!({"authors": [alice, bob], "limit": 1}),
    ];
    assert_eq!(
        contents(&client.req("s", &filters).await),
        ["b4", "a4", "a3", "a2"]
    );
}

#[tokio::test]
async fn an_event_that_several_filters_want_comes_live_once_for_each_subscription() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    let alice = Keys::of("alice").pubkey();
    for id in ["a", "b"] {
        let filters = [json!({"kinds": [1]}), json!({"authors": [alice]}), json!({})];
        assert!(client.req(id, &filters).await.is_empty());
    }
    let event = note("x").sign();
    client.accepted(&event).await;
    let mut heard = [client.expect("EVENT").await, client.expect("EVENT").await];
    heard.sort_by_key(|message| message[1].to_string());
    assert_eq!(
        heard,
        [json!(["EVENT", "a", event]), json!(["EVENT", "b", event])]
    );
    client.send("sync").await;
    assert_eq!(client.next().await[0], "NOTICE", "nothing came twice");
}

#[tokio::test]
async fn a_limit_says_nothing_about_live_events() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    client.accepted(&note("stored").sign()).await;
    assert_eq!(
        client.req("s", &[json!({"kinds": [1], "limit": 1})]).await.len(),
        1
    );
    for n in 0..3 {
        let event = note(&n.to_string()).sign();
        client.send(json!(["EVENT", event])).await;
        assert_eq!(client.live("s").await, event);
    }
}

#[tokio::test]
async fn since_and_until_include_their_second_stored_and_live() {
    let stack = Stack::start().await;
    let (mut writer, mut reader) = (stack.client().await, stack.client().await);
    let window = json!({"since": 10, "until": 12});
    for at in [9, 10, 12, 13] {
        writer.accepted(&note(&at.to_string()).at(at).sign()).await;
    }
    assert_eq!(
        contents(&reader.req("s", std::slice::from_ref(&window)).await),
        ["12", "10"]
    );
    assert_eq!(
        contents(&reader.req("one", &[json!({"since": 10, "until": 10})]).await),
        ["10"]
    );
    reader.send(json!(["CLOSE", "one"])).await;
    for (name, at) in [
        ("early", 9),
        ("first", 10),
        ("last", 12),
        ("late", 13),
        ("mid", 11),
    ] {
        writer.accepted(&note(name).at(at).sign()).await;
    }
    for expected in ["first", "last", "mid"] {
        assert_eq!(reader.live("s").await["content"], expected);
    }
}

#[tokio::test]
async fn every_letter_is_indexed_with_its_case_and_only_the_first_value() {
    let stack = Stack::start().await;
    let (mut writer, mut reader) = (stack.client().await, stack.client().await);
    let letters: Vec<char> = ('a'..='z').chain('A'..='Z').collect();
    // `#e` and `#p` take nothing but keys and ids.
    let value = |letter: char| format!("{:0>64}", format!("{:x}", u32::from(letter)));
    let event_of = |letter: char| {
        note(&letter.to_string())
            .tag([&letter.to_string(), &value(letter), "second"])
            .tag(["tt", &value(letter)])
    };
    for letter in &letters {
        writer.accepted(&event_of(*letter).sign()).await;
    }
    for letter in &letters {
        let filter = json!({format!("#{letter}"): [value(*letter)]});
        assert_eq!(
            contents(&reader.req("s", &[filter]).await),
            [letter.to_string()],
            "#{letter}"
        );
        let other_case = if letter.is_ascii_lowercase() {
            letter.to_ascii_uppercase()
        } else {
            letter.to_ascii_lowercase()
        };
        let filter = json!({format!("#{other_case}"): [value(*letter)]});
        assert!(reader.req("s", &[filter]).await.is_empty(), "#{other_case}");
        if !"ep".contains(*letter) {
            let second = json!({format!("#{letter}"): ["second"]});
            assert!(reader.req("s", &[second]).await.is_empty(), "#{letter}");
        }
    }
    // Live by the same rules.
    reader
        .req(
            "live",
            &[json!({"#T": ["First"]}), json!({"#t": ["first", "second"]})],
        )
        .await;
    for (content, name, value) in [
        ("wrong case of the value", "t", "First"),
        ("wrong case of the name", "T", "first"),
        ("the second value", "T", "x"),
        ("right", "T", "First"),
    ] {
        writer
            .accepted(&note(content).tag([name, value, "second"]).sign())
            .await;
    }
    assert_eq!(reader.live("live").await["content"], "right");
}

#[tokio::test]
async fn all_conditions_of_a_filter_have_to_hold() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    let all = note("all").at(5).tag(["t", "x"]).tag(["r", "y"]).sign();
    for event in [
        all.clone(),
        note("no r").at(5).tag(["t", "x"]).sign(),
        note("no t").at(5).tag(["r", "y"]).sign(),
        note("bob's")
            .by("bob")
            .at(5)
            .tag(["t", "x"])
            .tag(["r", "y"])
            .sign(),
        event(7).at(5).tag(["t", "x"]).tag(["r", "y"]).sign(),
        note("late").at(6).tag(["t", "x"]).tag(["r", "y"]).sign(),
    ] {
        client.accepted(&event).await;
    }
    let filter = json!({
        "authors": [Keys::of("alice").pubkey()], "kinds": [1], "#t": ["w", "x"], "#r": ["y", "z"], "until": 5,
    });
    assert_eq!(
        client.req("s", std::slice::from_ref(&filter)).await,
        std::slice::from_ref(&all)
    );
    let mut with_ids = filter;
    with_ids["ids"] = json!([all["id"]]);
    assert_eq!(client.req("s", &[with_ids]).await, [all]);
}

#[tokio::test]
async fn an_empty_list_matches_nothing_stored_or_live() {
    let stack = Stack::start().await;
    let (mut writer, mut reader) = (stack.client().await, stack.client().await);
    writer.accepted(&note("stored").tag(["t", "x"]).sign()).await;
    for key in ["ids", "authors", "kinds", "#t"] {
        assert!(reader.req(key, &[json!({key: []})]).await.is_empty(), "{key}");
    }
    assert_eq!(
        reader.req("other", &[json!({"ids": []}), json!({})]).await.len(),
        1,
        "another filter of the same REQ does"
    );
    writer.accepted(&note("live").tag(["t", "x"]).sign()).await;
    assert_eq!(reader.next().await[1], "other");
    reader.send("sync").await;
    assert_eq!(reader.next().await[0], "NOTICE");
}
