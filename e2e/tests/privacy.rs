//! Private messages (NIPs 04, 17, 59) and those who try to learn of them in every way that there is.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Client, Keys, Stack, event, note};

use crate::nip77::{Side, ids, publish};

const WORD: &str = "rendezvous";

/// From Alice to Bob, and a seal, which names nobody.
fn messages() -> Vec<Value> {
    let to_bob = |kind: u16| {
        let message = event(kind).tag(["p", &Keys::of("bob").pubkey()]);
        message.tag(["t", "secret"]).content(WORD)
    };
    vec![
        to_bob(4).sign(),
        to_bob(14).sign(),
        to_bob(15).sign(),
        to_bob(1059).by("one-time").sign(),
        event(13).tag(["t", "secret"]).content(WORD).sign(),
    ]
}

/// Filters that do not say what they are after.
fn filters(messages: &[Value]) -> Vec<Value> {
    let (alice, bob) = (Keys::of("alice").pubkey(), Keys::of("bob").pubkey());
    let ids: Vec<&Value> = messages.iter().map(|message| &message["id"]).collect();
    vec![
        json!({}),
        json!({"ids": ids}),
        json!({"ids": [ids[0]]}),
        json!({"ids": ids, "authors": [alice], "#t": ["secret"]}),
        json!({"authors": [alice]}),
        json!({"#p": [bob]}),
        json!({"#t": ["secret"]}),
        json!({"#t": ["secret"], "#p": [bob]}),
        json!({"authors": [alice], "#t": ["secret"], "since": 1}),
        json!({"kinds": [0, 4, 13, 14, 15, 1059]}),
        json!({"kinds": [0, 1059], "#p": [bob], "limit": 1}),
    ]
}

/// Those that say it.
fn plain_filters(messages: &[Value]) -> Vec<Value> {
    let (alice, bob) = (Keys::of("alice").pubkey(), Keys::of("bob").pubkey());
    vec![
        json!({"kinds": [4], "authors": [alice], "#p": [bob]}),
        json!({"kinds": [1059], "#p": [bob]}),
        json!({"kinds": [4, 14], "authors": [alice], "#p": [bob]}),
        json!({"kinds": [4], "authors": [alice], "#p": [bob], "ids": [messages[0]["id"]]}),
        json!({"kinds": [1059], "#p": [bob], "search": WORD}),
    ]
}

async fn learns_nothing(client: &mut Client, messages: &[Value], is_known: bool) {
    for filter in filters(messages) {
        client.start("s", std::slice::from_ref(&filter)).await;
        let (found, eose) = client.until_eose("s").await;
        assert!(found.is_empty(), "{filter} {found:?}");
        assert_eq!(eose.get(2), None, "not even that there is something: {filter}");
        client.send(json!(["CLOSE", "s"])).await;
        client.send(json!(["COUNT", "c", filter])).await;
        let count = client.expect("COUNT").await;
        assert_eq!(count[2]["count"], 0, "{filter}");
        if let Some(hll) = count[2].get("hll") {
            assert_eq!(*hll, json!("0".repeat(512)), "{filter}");
        }
        let (_, lacks) = Side::with(&[]).reconcile(client, &filter).await;
        assert!(lacks.is_empty(), "{filter} {lacks:?}");
    }
    let prefix = if is_known {
        "restricted: "
    } else {
        "auth-required: "
    };
    for filter in plain_filters(messages) {
        for verb in ["REQ", "COUNT"] {
            let reason = client
                .refused(verb, &[json!({"kinds": [1]}), filter.clone()])
                .await;
            assert!(reason.starts_with(prefix), "{verb} {filter} {reason}");
        }
        if filter.get("search").is_some() {
            continue;
        }
        client.send(json!(["NEG-OPEN", "n", filter, "6100000200"])).await;
        let refused = client.expect("NEG-ERR").await;
        let reason = refused[2].as_str().unwrap();
        assert!(reason.starts_with(prefix), "{filter} {reason}");
    }
}

/// A note for all that says the same word, and is there to be found.
const PUBLIC: u16 = 1;

async fn searches_in_vain(client: &mut Client, messages: &[Value], is_known: bool) {
    let ids: Vec<&Value> = messages.iter().map(|message| &message["id"]).collect();
    let mut filters = vec![
        json!({"search": WORD}),
        json!({"search": WORD, "ids": ids}),
        json!({"search": WORD, "#t": ["secret"]}),
        json!({"search": WORD, "authors": [Keys::of("alice").pubkey()]}),
    ];
    if is_known {
        filters.push(json!({"search": WORD, "kinds": [14]}));
    }
    for filter in filters {
        let mut found = client.req("s", std::slice::from_ref(&filter)).await;
        found.retain(|event| event["kind"] != PUBLIC);
        assert!(found.is_empty(), "{filter} {found:?}");
        client.send(json!(["CLOSE", "s"])).await;
        let public = u64::from(filter.as_object().is_some_and(|fields| fields.len() == 1));
        assert_eq!(
            client.count(std::slice::from_ref(&filter)).await,
            public,
            "{filter}"
        );
    }
}

/// Waits until what was published last is found: then everything before it is indexed, too.
async fn is_indexed(client: &mut Client, last: &Value) {
    let search = json!({"search": WORD});
    let searching = async {
        while !client
            .req("indexed", std::slice::from_ref(&search))
            .await
            .contains(last)
        {
            client.send(json!(["CLOSE", "indexed"])).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let searched = tokio::time::timeout(Duration::from_secs(20), searching).await;
    searched.expect("what is public is found");
    client.send(json!(["CLOSE", "indexed"])).await;
}

#[tokio::test]
async fn strangers_learn_nothing_by_any_command() {
    for window_bytes in [0, 134_217_728] {
        let stack = Stack::builder()
            .set("WORKER__WINDOW_BYTES", window_bytes)
            .start()
            .await;
        let messages = messages();
        let mut writer = stack.client().await;
        for message in &messages {
            writer.accepted(message).await;
        }
        let (mut stranger, mut carol) = (stack.client().await, stack.client().await);
        carol.authenticate("carol").await;
        learns_nothing(&mut stranger, &messages, false).await;
        learns_nothing(&mut carol, &messages, true).await;
        let public = note(WORD).by("dave").sign();
        writer.accepted(&public).await;
        is_indexed(&mut writer, &public).await;
        searches_in_vain(&mut stranger, &messages, false).await;
        searches_in_vain(&mut carol, &messages, true).await;

        // It is not that nobody does.
        let filter = json!({"#t": ["secret"]});
        for (name, seen) in [("bob", 4), ("alice", 4), ("one-time", 1)] {
            let mut party = stack.client().await;
            party.authenticate(name).await;
            let found = party.req("s", std::slice::from_ref(&filter)).await;
            assert_eq!(found.len(), seen, "{name}");
            assert_eq!(party.count(std::slice::from_ref(&filter)).await, seen as u64);
            let (_, lacks) = Side::with(&[]).reconcile(&mut party, &filter).await;
            assert_eq!(lacks, ids(&found), "{name}");
        }
    }
}

/// Postgres knows how often a tag or an author comes, in private messages too.
#[tokio::test]
async fn estimates_tell_strangers_nothing() {
    let stack = Stack::builder().set("LIMITS__COUNT_MAX_COST", 1).start().await;
    let mut writer = stack.client().await;
    let (alice, bob) = (Keys::of("alice").pubkey(), Keys::of("bob").pubkey());
    let message = |number: usize| {
        let message = event(4).tag(["p", &bob]).tag(["t", "secret"]);
        message.content(&number.to_string()).sign()
    };
    let public = |number: usize| note(&number.to_string()).by("dave").tag(["t", "all"]).sign();
    let messages: Vec<Value> = (0..1_000).map(message).collect();
    publish(&mut writer, &messages).await;
    publish(&mut writer, &(0..1_000).map(public).collect::<Vec<_>>()).await;
    stack.database.run("ANALYZE").await;
    let mut carol = stack.client().await;
    carol.authenticate("carol").await;
    for stranger in [&mut stack.client().await, &mut carol] {
        for filter in [
            json!({"#p": [bob]}),
            json!({"#t": ["secret"]}),
            json!({"authors": [alice]}),
            json!({"#p": [bob], "kinds": [1]}),
            json!({"#t": ["secret"], "kinds": [1, 7]}),
            json!({"authors": [alice], "kinds": [1]}),
            json!({"authors": [alice], "since": 1}),
            json!({"#t": ["secret"], "authors": [alice, bob]}),
        ] {
            assert_eq!(stranger.count(std::slice::from_ref(&filter)).await, 0, "{filter}");
        }
        stranger.send(json!(["COUNT", "all", {}])).await;
        let all = stranger.expect("COUNT").await;
        assert_eq!(all[2]["approximate"], true, "{all}");
        let about = all[2]["count"].as_u64().unwrap();
        assert!((900..1_100).contains(&about), "what is public: {all}");
    }
}

#[tokio::test]
async fn sets_of_ids_are_not_shared_with_strangers() {
    let stack = Stack::start().await;
    let messages = messages();
    let mut bob = stack.client().await;
    bob.authenticate("bob").await;
    let filter = json!({"#t": ["secret"]});
    let sees = async |client: &mut Client| Side::with(&[]).reconcile(client, &filter).await.1.len();
    for _ in 0..2 {
        // First read, then followed.
        assert_eq!(sees(&mut stack.client().await).await, 0);
        let before = sees(&mut bob).await;
        assert!(before == 0 || before == 4);
        for message in &messages {
            bob.publish(message).await;
        }
        assert_eq!(sees(&mut bob).await, 4);
        assert_eq!(sees(&mut stack.client().await).await, 0);
    }
}

#[tokio::test]
async fn live_messages_pass_strangers_by() {
    let stack = Stack::builder().relays(2).start().await;
    let messages = messages();
    let mut strangers = [stack.client().await, stack.client_of(1).await];
    strangers[1].authenticate("carol").await;
    let mut wanted = filters(&messages);
    wanted.push(json!({"search": WORD}));
    wanted.push(json!({"kinds": [1]}));
    for stranger in &mut strangers {
        for (number, filters) in wanted.chunks(4).enumerate() {
            stranger.req(&number.to_string(), filters).await;
        }
    }
    let mut writer = stack.client().await;
    for message in &messages {
        writer.accepted(message).await;
    }
    let marker = note("for all").sign();
    writer.accepted(&marker).await;
    for stranger in &mut strangers {
        // The first event of all is the last that was published.
        assert_eq!(stranger.expect("EVENT").await[2], marker);
    }
}
