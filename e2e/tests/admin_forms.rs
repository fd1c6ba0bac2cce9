//! What is typed into the operator's forms is text, whatever it would mean to SQL, Redis, HTML or a log.

use serde_json::json;
use testkit::{Keys, Stack, TestRedis, note};

use crate::{hostile::NASTY, operator::Operator};

/// The forms with one of their fields to be filled.
const FORMS: [(&str, &str); 17] = [
    ("/access/trusted/add", "pubkey=KEY&note=TEXT"),
    ("/access/trusted/add", "pubkey=TEXT"),
    ("/access/trusted/remove", "key=TEXT"),
    ("/access/names/add", "pubkey=KEY&name=TEXT&relays="),
    ("/access/names/add", "pubkey=KEY&name=bob&relays=TEXT"),
    ("/access/banned/remove", "key=TEXT"),
    ("/access/events/add", "id=ID&reason=TEXT"),
    ("/access/banned-kinds/add", "kind=TEXT&reason=x"),
    ("/access/addresses/add", "network=TEXT&reason=x"),
    ("/access/addresses/add", "network=192.0.2.7&reason=TEXT"),
    (
        "/access/roles/add",
        "id=TEXT&label=TEXT&description=TEXT&color=1&position=1",
    ),
    ("/settings/relay", "name=TEXT&description=TEXT&icon="),
    ("/settings/relay", "name=x&description=x&icon=https://TEXT"),
    ("/settings/connections", "most=TEXT"),
    ("/settings/unlimited", "addresses=TEXT"),
    ("/connections/close", "id=TEXT&reason=TEXT"),
    (
        "/account/operators/add",
        "name=TEXT&password=correct+horse+battery&again=correct+horse+battery",
    ),
];

/// Pages that look for what somebody typed.
const PAGES: [&str; 5] = [
    "/access/trusted?value=TEXT",
    "/access/trusted?page=TEXT",
    "/connections?q=TEXT",
    "/events?q=TEXT&kind=TEXT&author=TEXT",
    "/queues/nostr:req?show=TEXT",
];

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn in_html(text: &str) -> String {
    let text = text
        .replace('&', "&#38;")
        .replace('<', "&#60;")
        .replace('>', "&#62;");
    text.replace('"', "&#34;").replace('\'', "&#39;")
}

#[tokio::test]
async fn what_is_typed_is_text() {
    let stack = Stack::builder().admin().start().await;
    let redis = TestRedis::connect().await;
    let operator = Operator::of(&stack).await;
    let mut client = stack.client().await;
    let kept = note("kept").sign();
    client.accepted(&kept).await;
    let (key, id) = (Keys::of("carol").pubkey(), "0".repeat(64));
    let script = "<script>alert(1)</script>";
    for text in NASTY.into_iter().chain([script]) {
        for (path, fields) in FORMS {
            let fields = fields.replace("KEY", &key).replace("ID", &id);
            let answer = operator.send(path, &fields.replace("TEXT", &encoded(text))).await;
            assert!(answer.status < 500, "{path} {text:?}: {answer:?}");
            assert!(!answer.body.contains(script), "{path} {text:?}");
        }
        for path in PAGES {
            let answer = operator.look(&path.replace("TEXT", &encoded(text))).await;
            assert!(answer.status < 500, "{path} {text:?}: {answer:?}");
            assert!(!answer.body.contains(script), "{path} {text:?}");
        }
        let answer = operator
            .send(
                "/access/trusted/add",
                &format!("pubkey={key}&note={}", encoded(text)),
            )
            .await;
        if answer.status == 303 {
            let page = operator.page("/access/trusted").await;
            assert!(page.contains(&in_html(text.trim())), "{text:?}: {page}");
        }
    }
    // Nobody was disconnected, nothing is gone, and what the texts would have done has not been done.
    client.accepted(&note("still here").sign()).await;
    assert_eq!(client.req("all", &[json!({"ids": [kept["id"]]})]).await, [kept]);
    let is_connected: bool = redis
        .run("SISMEMBER", &[&stack.key("connections"), &client.challenge])
        .await;
    assert!(is_connected);
    for process in [stack.admin.as_ref().unwrap(), &stack.relays[0], &stack.workers[0]] {
        let log = process.log();
        assert!(!log.contains(" ERROR ") && !log.contains("panicked"), "{log}");
    }
}
