//! NIP-50: search, stored and live.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Client, Keys, Stack, event, note};

const PATIENCE: Duration = Duration::from_secs(20);

/// An event becomes searchable after its OK: asks until so many are found.
async fn until_found(client: &mut Client, filter: &Value, count: usize) -> Vec<Value> {
    let asking = async {
        loop {
            let found = client.req("until", std::slice::from_ref(filter)).await;
            if found.len() >= count {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking)
        .await
        .unwrap_or_else(|_| panic!("{filter} finds {count}"))
}

fn contents(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["content"].as_str().unwrap())
        .collect()
}

async fn count(client: &mut Client, filter: Value) -> Value {
    client.send(json!(["COUNT", "c", filter])).await;
    client.expect("COUNT").await[2]["count"].take()
}

#[tokio::test]
async fn an_event_is_searchable_soon_and_the_best_comes_first() {
    let stack = Stack::start().await;
    let client = &mut stack.client().await;
    for (content, ago) in [
        ("nostr, and a lot of words about the weather of today", -1),
        ("nostr nostr", -2),
        ("bitcoin", 0),
    ] {
        client.accepted(&note(content).in_seconds(ago).sign()).await;
    }
    let profile = event(0).content(r#"{"name":"Nostr","about":"x"}"#).in_seconds(-9);
    client.accepted(&profile.sign()).await;
    let search = json!({"search": "nostr"});
    let found = until_found(client, &search, 3).await;
    assert_eq!(
        contents(&found),
        [
            r#"{"name":"Nostr","about":"x"}"#,
            "nostr nostr",
            "nostr, and a lot of words about the weather of today"
        ],
        "by quality, not by time"
    );
    let best = client.req("s", &[json!({"search": "nostr", "limit": 1})]).await;
    assert_eq!(contents(&best), [r#"{"name":"Nostr","about":"x"}"#]);
    client.start("s", &[json!({"search": "nostr", "limit": 1})]).await;
    assert_eq!(client.until_eose("s").await.1, json!(["EOSE", "s", ["more"]]));
    assert_eq!(count(client, search).await, 3);
    let none = client.req("s", &[json!({"search": "about"})]).await;
    assert_eq!(
        contents(&none),
        ["nostr, and a lot of words about the weather of today"],
        "the keys of a profile are no words"
    );
}

#[tokio::test]
async fn modes_extensions_and_other_fields_narrow_a_search() {
    let stack = Stack::start().await;
    let client = &mut stack.client().await;
    for event in [
        note("the purple pill").tag(["t", "pills"]),
        note("pill, purple").by("bob"),
        note("Saltivka, 東京都"),
        note("purple pill of doom").tag(["content-warning", "doom"]),
    ] {
        client.accepted(&event.sign()).await;
    }
    let mut wordless = json!({"search": "purple pill"});
    assert_eq!(until_found(client, &wordless, 3).await.len(), 3);
    until_found(client, &json!({"search": "saltivka"}), 1).await;
    for (query, expected) in [
        ("m:plain pill purple", 3),
        ("m:phrase purple pill", 2),
        ("\"purple pill\" -doom", 1),
        ("m:prefix purp pil", 3),
        ("m:manual (saltivka | purple) & !pill", 1),
        ("m:manual purple <-> pill", 2),
        ("purple nsfw:false", 2),
        (
            "purple include:spam language:en domain:example.com sentiment:neutral",
            3,
        ),
        ("京都", 1),
        ("purple; DROP TABLE events", 0),
        ("'", 0),
    ] {
        let found = client.req("s", &[json!({"search": query})]).await;
        assert_eq!(found.len(), expected, "{query}: {found:?}");
        assert_eq!(count(client, json!({"search": query})).await, expected, "{query}");
    }
    wordless["authors"] = json!([Keys::of("bob").pubkey()]);
    assert_eq!(contents(&client.req("s", &[wordless]).await), ["pill, purple"]);
    let tagged = json!({"search": "purple", "#t": ["pills"], "kinds": [1]});
    assert_eq!(contents(&client.req("s", &[tagged]).await), ["the purple pill"]);
    let all = client.req("s", &[json!({"search": " include:spam "})]).await;
    assert_eq!(all.len(), 4, "extensions alone narrow nothing");
    for bad in ["m:manual (", &"x".repeat(2049), &"x ".repeat(65)] {
        client.start("s", &[json!({"search": bad})]).await;
        let closed = client.expect("CLOSED").await;
        assert!(closed[2].as_str().unwrap().starts_with("invalid: "), "{closed}");
    }
}

#[tokio::test]
async fn what_comes_live_is_searched_too() {
    let stack = Stack::start().await;
    let (mut reader, mut writer) = (stack.client().await, stack.client().await);
    let filters = [
        ("plain", json!({"search": "m:plain Purple pill"})),
        ("phrase", json!({"search": "\"purple pill\""})),
        ("prefix", json!({"search": "m:prefix purp", "kinds": [1]})),
        ("manual", json!({"search": "m:manual purple & !pill"})),
    ];
    for (name, filter) in &filters {
        assert!(reader.req(name, std::slice::from_ref(filter)).await.is_empty());
    }
    for (content, expected) in [
        ("PURPLE, pill", vec!["phrase", "plain", "prefix"]),
        ("pill of purple", vec!["plain", "prefix"]),
        ("purple", vec!["manual", "prefix"]),
    ] {
        let event = note(content).sign();
        writer.accepted(&event).await;
        let mut heard = Vec::new();
        for _ in &expected {
            let message = reader.expect("EVENT").await;
            assert_eq!(message[2], event);
            heard.push(message[1].as_str().unwrap().to_owned());
        }
        heard.sort_unstable();
        assert_eq!(heard, expected, "{content}");
    }
    writer.accepted(&note("orange").sign()).await;
    writer.accepted(&event(7).content("purple pill").sign()).await;
    let last = note("purple pill").sign();
    writer.accepted(&last).await;
    assert_eq!(reader.expect("EVENT").await[2], last, "nothing in between");
}

#[tokio::test]
async fn private_messages_are_never_found() {
    let stack = Stack::start().await;
    let client = &mut stack.client().await;
    client.req("live", &[json!({"search": "secret"})]).await;
    for kind in [4, 1059] {
        let bob = Keys::of("bob").pubkey();
        client
            .accepted(&event(kind).tag(["p", &bob]).content("secret").sign())
            .await;
    }
    let public = note("secret, but told").sign();
    client.accepted(&public).await;
    assert_eq!(client.live("live").await, public);
    let found = until_found(client, &json!({"search": "secret"}), 1).await;
    assert_eq!(found, [public]);
    let mut database = stack.database.connect().await;
    let words: i64 = sqlx::query_scalar("SELECT count(*) FROM searchable_contents")
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert_eq!(words, 1);
}

#[tokio::test]
async fn what_is_deleted_or_replaced_is_found_no_more() {
    let stack = Stack::start().await;
    let client = &mut stack.client().await;
    let gone = note("regrettable").sign();
    client.accepted(&gone).await;
    client
        .accepted(&event(0).content(r#"{"name":"before"}"#).in_seconds(-1).sign())
        .await;
    until_found(client, &json!({"search": "regrettable"}), 1).await;
    until_found(client, &json!({"search": "before"}), 1).await;
    let deletion = event(5).tag(["e", gone["id"].as_str().unwrap()]).sign();
    client.accepted(&deletion).await;
    client
        .accepted(&event(0).content(r#"{"name":"after"}"#).sign())
        .await;
    for word in ["regrettable", "before"] {
        assert!(
            client.req("s", &[json!({ "search": word })]).await.is_empty(),
            "{word}"
        );
        assert_eq!(count(client, json!({ "search": word })).await, 0, "{word}");
    }
    until_found(client, &json!({"search": "after"}), 1).await;
}

#[tokio::test]
async fn without_search_it_is_refused_and_not_advertised() {
    let stack = Stack::builder().set("SEARCH__ENABLED", false).start().await;
    let client = &mut stack.client().await;
    for verb in ["REQ", "COUNT"] {
        client.send(json!([verb, "s", {"search": "x"}])).await;
        let closed = client.expect("CLOSED").await;
        assert!(
            closed[2].as_str().unwrap().starts_with("unsupported: "),
            "{closed}"
        );
    }
    assert!(!super::nip11::supported_nips(&stack).await.contains(&json!(50)));
    let stack = Stack::start().await;
    assert!(super::nip11::supported_nips(&stack).await.contains(&json!(50)));
}

#[tokio::test]
async fn events_stored_before_are_searchable_when_search_is_turned_on() {
    let mut stack = Stack::builder().set("SEARCH__ENABLED", false).start().await;
    let client = &mut stack.client().await;
    for n in 0..3 {
        client.accepted(&note(&format!("early bird {n}")).sign()).await;
    }
    for process in stack.workers.iter_mut().chain(&mut stack.relays) {
        process.terminate().await;
        process.set("SEARCH__ENABLED", true);
        process.restart().await;
    }
    let client = &mut stack.client().await;
    assert_eq!(until_found(client, &json!({"search": "early"}), 3).await.len(), 3);
}
