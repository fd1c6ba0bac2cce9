//! What is typed into the operator's forms is text, whatever it would mean to SQL, Redis, HTML or a log.

use serde_json::json;
use testkit::{HttpAnswer, Keys, Stack, TestRedis, note};

use crate::{hostile::NASTY, operator::Operator};

/// The forms with one of their fields to be filled. HERE is an event that is stored.
const FORMS: [(&str, &str); 46] = [
    ("/access/trusted/add", "pubkey=KEY&note=TEXT"),
    ("/access/trusted/add", "pubkey=TEXT"),
    ("/access/trusted/remove", "key=TEXT"),
    ("/access/subscribers/add", "pubkey=KEY&days=TEXT"),
    ("/access/subscribers/remove", "key=TEXT"),
    ("/access/names/add", "pubkey=KEY&name=TEXT&relays="),
    ("/access/names/add", "pubkey=KEY&name=bob&relays=TEXT"),
    ("/access/names/add", "pubkey=KEY&name=bob&relays=wss://TEXT"),
    ("/access/names/remove", "key=TEXT"),
    ("/access/banned/add", "pubkey=KEY&reason=TEXT&without_events=TEXT"),
    ("/access/banned/remove", "key=TEXT"),
    ("/access/allowed/add", "pubkey=TEXT&reason=TEXT"),
    ("/access/allowed/remove", "key=TEXT"),
    ("/access/events/add", "id=ID&reason=TEXT"),
    ("/access/events/remove", "key=TEXT"),
    ("/access/reported/add", "id=TEXT"),
    ("/access/reported/remove", "key=TEXT"),
    ("/access/banned-kinds/add", "kind=TEXT&reason=x"),
    ("/access/banned-kinds/add", "kind=7&reason=TEXT"),
    ("/access/banned-kinds/remove", "key=TEXT"),
    ("/access/allowed-kinds/add", "kind=TEXT&reason=x"),
    ("/access/allowed-kinds/remove", "key=TEXT"),
    ("/access/addresses/add", "network=TEXT&reason=x"),
    ("/access/addresses/add", "network=192.0.2.7&reason=TEXT"),
    ("/access/addresses/remove", "key=TEXT"),
    (
        "/access/roles/add",
        "id=TEXT&label=TEXT&description=TEXT&color=1&position=1",
    ),
    ("/access/roles/add", "id=x&color=TEXT&position=TEXT"),
    ("/access/roles/remove", "key=TEXT"),
    ("/settings/relay", "name=TEXT&description=TEXT&icon="),
    ("/settings/relay", "name=x&description=x&icon=https://TEXT"),
    ("/settings/connections", "most=TEXT"),
    ("/settings/unlimited", "addresses=TEXT"),
    ("/settings/maintenance", "on=TEXT"),
    ("/connections/close", "by=id&value=TEXT"),
    ("/connections/close", "by=TEXT&value=TEXT"),
    ("/queues/nostr:req/dead/retry", "id=TEXT"),
    ("/queues/nostr:req/dead/retry", "up_to=TEXT"),
    ("/queues/nostr:req/dead/drop", "id=TEXT&up_to=TEXT"),
    ("/events/HERE/ban", "what=event&reason=TEXT"),
    ("/account/operators/add", "name=TEXT&first=short"),
    ("/account/operators/remove", "id=TEXT"),
    ("/account/keys/add", "key=TEXT"),
    ("/account/keys/remove", "key=TEXT"),
    ("/account/sessions/end", "other=TEXT"),
    ("/theme", "theme=TEXT&back=TEXT"),
    ("/sign-in/key", "next=TEXT"),
];

/// Forms that count how often somebody tries, and take their time.
const PASSWORDS: [(&str, &str); 4] = [
    ("/sign-in", "name=TEXT&password=TEXT&next=TEXT"),
    ("/set-up", "token=TEXT&name=TEXT&password=TEXT&again=TEXT"),
    ("/account/password", "old=TEXT&password=TEXT&again=TEXT"),
    ("/account/operators/add", "name=TEXT&first=correct+horse+battery"),
];

/// Actions of which a part of the path is what somebody typed.
const PATHS: [(&str, &str); 5] = [
    ("/access/TEXT/add", "pubkey=KEY"),
    ("/access/TEXT/remove", "key=KEY"),
    ("/queues/TEXT/dead/retry", "id=1-0"),
    ("/queues/TEXT/dead/drop", "up_to=1-0"),
    ("/events/TEXT/ban", "what=author&reason=x"),
];

/// Pages that look for what somebody typed.
const PAGES: [&str; 20] = [
    "/TEXT",
    "/static/TEXT",
    "/access/TEXT",
    "/access/trusted?value=TEXT",
    "/access/trusted?page=TEXT",
    "/access/names?value=TEXT&page=TEXT",
    "/connections?q=TEXT",
    "/connections?sort=TEXT&page=TEXT",
    "/connections/TEXT",
    "/events?q=TEXT&kind=TEXT&author=TEXT",
    "/events?until=TEXT",
    "/events/TEXT",
    "/queues/nostr:req?show=TEXT&from=TEXT",
    "/queues/nostr:req?show=dead&from=TEXT",
    "/queues/TEXT",
    "/queues/nostr:req/jobs/TEXT",
    "/queues/nostr:req/dead/TEXT",
    "/settings/TEXT",
    "/sign-in?next=TEXT",
    "/set-up?token=TEXT",
];

const SCRIPT: &str = "<script>alert(1)</script>";

/// Further texts: numbers that are none, and what would lead elsewhere.
const ODD: [&str; 7] = [
    SCRIPT,
    "-1",
    "18446744073709551616",
    "99999999999999999999-0",
    "9223372036854775807",
    "//evil.example",
    "..",
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

/// What comes back is a page or a way to one of ours, with the text as text.
fn is_well(answer: &HttpAnswer, what: &str, text: &str) {
    assert!(answer.status < 500, "{what} {text:?}: {answer:?}");
    assert!(!answer.body.contains(SCRIPT), "{what} {text:?}");
    let way = answer
        .head
        .lines()
        .find_map(|line| line.strip_prefix("location: "));
    if let Some(way) = way {
        assert!(
            way.starts_with('/') && !way.starts_with("//"),
            "{what} {text:?}: {way}"
        );
    }
}

/// A form is read, whatever is in its fields. No browser sends NUL.
fn is_read(answer: &HttpAnswer, what: &str, text: &str) {
    is_well(answer, what, text);
    let is_refused = matches!(answer.status, 400 | 403 | 429);
    assert_eq!(is_refused, text.contains('\0'), "{what} {text:?}: {answer:?}");
}

/// Sends what counts attempts, and has them forgotten.
async fn tries(stack: &Stack, redis: &TestRedis, operator: &Operator, text: &str) {
    for (path, fields) in PASSWORDS {
        let answer = operator.send(path, &fields.replace("TEXT", &encoded(text))).await;
        is_read(&answer, path, text);
    }
    let attempts: Vec<String> = redis.run("KEYS", &[&stack.key("admin_attempts:*")]).await;
    for key in attempts {
        redis.order("DEL", &[&key]).await;
    }
}

#[tokio::test]
async fn names_of_redis_and_sql_that_are_typed_are_text() {
    are_text(&NASTY).await;
}

#[tokio::test]
async fn odd_texts_that_are_typed_are_text() {
    are_text(&ODD).await;
}

async fn are_text(texts: &[&str]) {
    let stack = Stack::builder().admin().start().await;
    let redis = TestRedis::connect().await;
    let operator = Operator::of(&stack).await;
    let mut client = stack.client().await;
    let kept = note("kept").sign();
    client.accepted(&kept).await;
    let (key, id) = (Keys::of("carol").pubkey(), "0".repeat(64));
    for text in texts {
        let here = note(text).sign();
        client.accepted(&here).await;
        let here = here["id"].as_str().unwrap();
        let fill = |template: &str| {
            let known = template.replace("KEY", &key).replace("ID", &id);
            known.replace("HERE", here).replace("TEXT", &encoded(text))
        };
        for (path, fields) in FORMS {
            let answer = operator.send(&fill(path), &fill(fields)).await;
            // A script asks, and is told that it has proven nothing.
            assert_eq!(
                answer.status == 401,
                path == "/sign-in/key" && !text.contains('\0')
            );
            is_read(&answer, path, text);
        }
        for (path, fields) in PATHS {
            is_well(&operator.send(&fill(path), &fill(fields)).await, path, text);
        }
        for path in PAGES {
            is_well(&operator.look(&fill(path)).await, path, text);
        }
        tries(&stack, &redis, &operator, text).await;
        let answer = operator
            .send("/access/trusted/add", &fill("pubkey=KEY&note=TEXT"))
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
