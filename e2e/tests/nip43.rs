//! NIP-43: members, invitations, requests to join and to leave.

use std::{process::Command, time::Duration};

use serde_json::{Value, json};
use testkit::{Client, EventBuilder, Keys, Stack, StackBuilder, event, note};

/// Its public key is the generator of the curve.
const SECRET: &str = "0000000000000000000000000000000000000000000000000000000000000001";
const OWN: &str = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";

fn with_members() -> StackBuilder {
    Stack::builder()
        .set("RELAY__SECRET_KEY", SECRET)
        .set("RELAY__NAME", "The Club")
        .set("MEMBERSHIP__ENABLED", true)
}

async fn as_(stack: &Stack, name: &str) -> Client {
    let mut client = stack.client().await;
    client.authenticate(name).await;
    client
}

fn join(name: &str, code: &str) -> EventBuilder {
    event(28_934).by(name).tag(["-"]).tag(["claim", code])
}

/// An invitation of the operator, as `worker invite` prints it.
fn invite(stack: &Stack, arguments: &[&str]) -> String {
    let worker = stack.workers[0]
        .command()
        .arg("invite")
        .args(arguments)
        .output()
        .unwrap();
    assert!(worker.status.success(), "{worker:?}");
    String::from_utf8(worker.stdout)
        .unwrap()
        .lines()
        .last()
        .unwrap()
        .to_owned()
}

async fn lists(client: &mut Client) -> Vec<Value> {
    client
        .req("list", &[json!({"kinds": [13_534], "authors": [OWN]})])
        .await
}

fn members(list: &Value) -> Vec<String> {
    let tags = list["tags"].as_array().unwrap().iter();
    let member = tags.filter(|tag| tag[0] == "member");
    member.map(|tag| tag[1].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_code_makes_a_member_and_everybody_hears_of_it() {
    let stack = with_members()
        .set("AUTH__MIN_LEVEL_EVENT", 2)
        .relays(2)
        .workers(2)
        .start()
        .await;
    let mut reader = stack.client_of(1).await;
    reader
        .req("club", &[json!({"kinds": [8000, 8001, 13_534], "limit": 0})])
        .await;
    let mut bob = as_(&stack, "bob").await;
    let text = note("let me in").by("bob").sign();
    assert!(bob.publish(&text).await.message.starts_with("restricted: "));
    let code = invite(&stack, &["2"]);
    let ok = bob.publish(&join("bob", &code).sign()).await;
    assert_eq!(
        (ok.accepted, ok.message.as_str()),
        (true, "info: welcome to The Club!")
    );
    // At once, on the same connection.
    bob.accepted(&text).await;

    // An empty list may come first: the relay's first, which it publishes by itself.
    let (mut added, mut list) = (Value::Null, Value::Null);
    while added.is_null() || list.is_null() {
        let event = reader.live("club").await;
        if event["kind"] == 8000 {
            added = event;
        } else if !members(&event).is_empty() {
            list = event;
        }
    }
    assert_eq!((&added["kind"], &added["pubkey"]), (&json!(8000), &json!(OWN)));
    assert_eq!(added["tags"], json!([["-"], ["p", Keys::of("bob").pubkey()]]));
    assert_eq!((&list["kind"], &list["tags"][0]), (&json!(13_534), &json!(["-"])));
    assert_eq!(members(&list), [Keys::of("bob").pubkey()]);
    assert_eq!(lists(&mut reader).await, [list]);

    let again = bob.publish(&join("bob", &code).content("again").sign()).await;
    assert!(
        again.accepted && again.message.starts_with("duplicate: "),
        "{again:?}"
    );
    // In the same second: the newer list has to win.
    let mut carol = as_(&stack, "carol").await;
    carol.accepted(&join("carol", &code).sign()).await;
    // Not where the additions are heard.
    let mut asking = stack.client_of(1).await;
    let list = &lists(&mut asking).await[0];
    assert_eq!(
        members(list),
        ["bob", "carol"].map(|name| Keys::of(name).pubkey())
    );
    let late = as_(&stack, "dave")
        .await
        .publish(&join("dave", &code).sign())
        .await;
    assert_eq!(
        (late.accepted, late.message.as_str()),
        (false, "restricted: that invite code is expired.")
    );
}

#[tokio::test]
async fn who_leaves_is_no_member_any_more() {
    let stack = with_members().set("AUTH__MIN_LEVEL_EVENT", 2).start().await;
    let mut bob = as_(&stack, "bob").await;
    bob.accepted(&join("bob", &invite(&stack, &[])).sign()).await;
    let bare = bob.publish(&event(28_936).by("bob").sign()).await;
    assert!(
        !bare.accepted && bare.message.starts_with("invalid: "),
        "{bare:?}"
    );
    bob.req("club", &[json!({"kinds": [8001, 13_534], "limit": 0})])
        .await;
    bob.accepted(&event(28_936).by("bob").tag(["-"]).sign()).await;
    let removed = bob.live("club").await;
    assert_eq!(removed["tags"], json!([["-"], ["p", Keys::of("bob").pubkey()]]));
    assert!(members(&bob.live("club").await).is_empty());
    let refused = bob.publish(&note("once more").by("bob").sign()).await;
    assert!(refused.message.starts_with("restricted: "), "{refused:?}");
    let again = bob
        .publish(&event(28_936).by("bob").tag(["-"]).content("2").sign())
        .await;
    assert!(
        again.accepted && again.message.starts_with("duplicate: "),
        "{again:?}"
    );
}

#[tokio::test]
async fn requests_that_are_refused_say_why_and_none_is_passed_on() {
    let stack = with_members().start().await;
    let mut listener = stack.client().await;
    listener
        .req("spy", &[json!({"kinds": [28_934, 28_935, 28_936]})])
        .await;
    let code = invite(&stack, &[]);
    let mut bob = as_(&stack, "bob").await;
    let mut stranger = stack.client().await;
    for (is_stranger, event, prefix) in [
        (
            false,
            join("bob", "0".repeat(32).as_str()),
            "restricted: that is an invalid",
        ),
        (
            false,
            event(28_934).by("bob").tag(["-"]),
            "restricted: that is an invalid",
        ),
        (false, join("bob", &code).in_seconds(-3600), "invalid: "),
        (false, event(28_935).by("bob").tag(["claim", "x"]), "blocked: "),
        (
            false,
            event(28_936).by("bob").tag(["-"]).in_seconds(-3600),
            "invalid: ",
        ),
        (true, join("carol", &code), "auth-required: "),
        (false, join("carol", &code), "restricted: "),
    ] {
        let client = if is_stranger { &mut stranger } else { &mut bob };
        let ok = client.publish(&event.sign()).await;
        assert!(!ok.accepted && ok.message.starts_with(prefix), "{prefix}: {ok:?}");
    }
    // Without the tag of NIP-70 the signature is enough.
    stranger
        .accepted(&event(28_934).by("carol").tag(["claim", &code]).sign())
        .await;
    let probe = event(28_000).sign();
    listener.req("probe", &[json!({"kinds": [28_000]})]).await;
    stranger.accepted(&probe).await;
    assert_eq!(listener.live("probe").await, probe, "and nothing before it");
}

#[tokio::test]
async fn members_get_a_code_of_their_own_for_each_request() {
    let stack = with_members().start().await;
    let ask = [json!({"kinds": [28_935], "authors": [OWN]})];
    let mut bob = as_(&stack, "bob").await;
    for (mut client, prefix) in [
        (stack.client().await, "auth-required: "),
        (as_(&stack, "carol").await, "restricted: "),
    ] {
        client.start("i", &ask).await;
        let closed = client.next().await;
        assert!(
            closed[0] == "CLOSED" && closed[2].as_str().unwrap().starts_with(prefix),
            "{closed}"
        );
        let other = json!({"kinds": [1, 28_935]});
        assert!(
            client.req("other", &[other]).await.is_empty(),
            "what else was asked for is answered"
        );
    }
    bob.accepted(&join("bob", &invite(&stack, &[])).sign()).await;
    let (first, second) = (bob.req("i", &ask).await, bob.req("i", &ask).await);
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_eq!(
        (&first[0]["kind"], &first[0]["pubkey"]),
        (&json!(28_935), &json!(OWN))
    );
    let claim = |event: &Value| {
        assert_eq!(event["tags"][0], json!(["-"]));
        assert_eq!(event["tags"][1][0], "claim");
        event["tags"][1][1].as_str().unwrap().to_owned()
    };
    assert_ne!(claim(&first[0]), claim(&second[0]));
    let by_others = json!({"kinds": [28_935], "authors": [Keys::of("bob").pubkey()]});
    assert!(bob.req("none", &[by_others]).await.is_empty());
    as_(&stack, "carol")
        .await
        .accepted(&join("carol", &claim(&first[0])).sign())
        .await;
    let used = as_(&stack, "dave")
        .await
        .publish(&join("dave", &claim(&first[0])).sign())
        .await;
    assert!(!used.accepted, "a code is for one");
    as_(&stack, "dave")
        .await
        .accepted(&join("dave", &claim(&second[0])).sign())
        .await;
    assert!(
        bob.req("s", &[json!({"kinds": [1]})]).await.is_empty(),
        "an invitation is not stored"
    );
}

#[tokio::test]
async fn an_operators_changes_are_published_too() {
    let stack = with_members().start().await;
    let mut reader = stack.client().await;
    reader.req("club", &[json!({"kinds": [8000, 13_534]})]).await;
    let bob = Keys::of("bob").pubkey();
    let mut database = stack.database.connect().await;
    sqlx::query("INSERT INTO user_pubkeys (pubkey) VALUES (decode($1, 'hex'))")
        .bind(&bob)
        .execute(&mut database)
        .await
        .unwrap();
    let redis = testkit::TestRedis::connect().await;
    let job = r#"{"v":1,"task":"member_list"}"#;
    redis
        .order("XADD", &[&stack.key("queue:maintenance"), "*", "job", job])
        .await;
    let added = loop {
        let event = tokio::time::timeout(Duration::from_secs(20), reader.live("club"))
            .await
            .unwrap();
        if event["kind"] == 8000 {
            break event;
        }
    };
    assert_eq!(added["tags"][1][1], bob);
    let list = reader.live("club").await;
    assert_eq!(members(&list), [bob]);
}

#[tokio::test]
async fn roles_are_published_with_their_members() {
    let stack = with_members().start().await;
    let mut reader = stack.client().await;
    let filter = json!({"kinds": [5, 13_534, 33_534], "authors": [OWN]});
    let bob = Keys::of("bob").pubkey();
    let mut database = stack.database.connect().await;
    let redis = testkit::TestRedis::connect().await;
    let mut change = async |sql: String| {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&mut database)
            .await
            .unwrap();
        let job = r#"{"v":1,"task":"member_list"}"#;
        redis
            .order("XADD", &[&stack.key("queue:maintenance"), "*", "job", job])
            .await;
    };
    reader.req("roles", &[filter]).await;
    change(format!(
        "INSERT INTO user_pubkeys (pubkey) VALUES (decode('{bob}', 'hex')); \
         INSERT INTO roles VALUES ('28b7e50f', 'king', 'ruler of the relay', 37, 1); \
         INSERT INTO role_members VALUES ('28b7e50f', decode('{bob}', 'hex'))"
    ))
    .await;
    // Two jobs may publish at a time: what comes early is kept.
    let mut early: Vec<Value> = Vec::new();
    let mut next = async |reader: &mut Client, kind: u64| {
        let is_meant =
            |event: &Value| event["kind"] == kind && (kind != 13_534 || !members(event).is_empty());
        loop {
            if let Some(at) = early.iter().position(is_meant) {
                return early.remove(at);
            }
            early.push(reader.live("roles").await);
        }
    };
    let role = next(&mut reader, 33_534).await;
    let tags = json!([
        ["-"],
        ["d", "28b7e50f"],
        ["label", "king"],
        ["description", "ruler of the relay"],
        ["color", "37"],
        ["order", "1"]
    ]);
    assert_eq!(role["tags"], tags);
    let list = next(&mut reader, 13_534).await;
    assert_eq!(list["tags"], json!([["-"], ["member", bob, "28b7e50f"]]));
    change("DELETE FROM roles".to_owned()).await;
    let deletion = next(&mut reader, 5).await;
    assert_eq!(deletion["tags"][1], json!(["a", format!("33534:{OWN}:28b7e50f")]));
    let list = next(&mut reader, 13_534).await;
    assert_eq!(list["tags"], json!([["-"], ["member", bob]]));
    let mut asking = stack.client().await;
    assert!(asking.req("s", &[json!({"kinds": [33_534]})]).await.is_empty());
}

#[tokio::test]
async fn without_members_it_is_neither_told_nor_done() {
    let stack = Stack::builder().set("RELAY__SECRET_KEY", SECRET).start().await;
    let mut bob = as_(&stack, "bob").await;
    let ok = bob.publish(&join("bob", "x").sign()).await;
    assert!(!ok.accepted && ok.message.starts_with("restricted: "), "{ok:?}");
    assert!(bob.req("i", &[json!({"kinds": [28_935]})]).await.is_empty());
    let status = Command::new(stack.workers[0].command().get_program())
        .env("SWITCHYARD_MEMBERSHIP__ENABLED", "true")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&status.stderr);
    assert!(
        !status.status.success() && said.contains("needs relay.secret_key"),
        "{said}"
    );
}
