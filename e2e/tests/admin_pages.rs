//! An operator runs the relay from a browser.

use std::{
    io::Write,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::json;
use testkit::{Client, Keys, Stack, event, note, request};

use crate::browser::Browser;

const PASSWORD: &str = "correct horse battery";

/// A relay with admin and an operator called `boss`, made from a shell.
async fn with_operator() -> Stack {
    let stack = Stack::builder().admin().start().await;
    create_operator(&stack, "boss");
    stack
}

fn create_operator(stack: &Stack, name: &str) {
    let mut path = std::env::current_exe().unwrap();
    while path.pop() && !path.join("admin").is_file() {}
    let mut shell = Command::new(path.join("admin"))
        .args(["create-operator", name])
        .env_clear()
        .env("REDIS_URL", testkit::redis_url())
        .env("DATABASE_URL", &stack.database.url)
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    writeln!(shell.stdin.take().unwrap(), "{PASSWORD}").unwrap();
    assert!(shell.wait().unwrap().success());
}

async fn browser(stack: &Stack) -> Browser {
    Browser::open(format!("http://{}", stack.admin_address())).await
}

async fn signed_in(stack: &Stack) -> Browser {
    let browser = browser(stack).await;
    browser.sign_in("boss", PASSWORD).await;
    assert_ne!(browser.path().await, "/sign-in");
    browser
}

/// What a new client is closed with, once it is.
async fn refused(stack: &Stack, code: u16) {
    for _ in 0..100 {
        let mut client = Client::open(&stack.url(), &[]).await;
        if let Ok(frame) = tokio::time::timeout(Duration::from_millis(50), client.closed()).await {
            assert_eq!(u16::from(frame.code), code);
            return;
        }
    }
    panic!("new clients are let in");
}

#[tokio::test]
async fn the_first_start_prints_a_link_that_makes_the_first_operator_once() {
    let stack = Stack::builder().admin().start().await;
    let log = stack.admin.as_ref().unwrap().log();
    let link = log
        .split_whitespace()
        .find(|word| word.contains("/set-up?token="))
        .unwrap()
        .to_owned();
    let browser = browser(&stack).await;
    browser.page.goto(&link).await.unwrap();
    browser.type_into("[name=name]", "first").await;
    browser.type_into("[name=password]", "short").await;
    browser.type_into("[name=again]", "short").await;
    browser.click("main button").await;
    assert_eq!(browser.text("#p-password").await, "At least 10 characters.");
    let kept = browser.find("[name=name]").await.prop("value").await.unwrap();
    assert_eq!(kept.as_deref(), Some("first"), "what was typed is kept");
    browser.type_into("[name=password]", PASSWORD).await;
    browser.type_into("[name=again]", PASSWORD).await;
    browser.click("main button").await;
    assert!(browser.text(".side").await.contains("first"));
    browser.click("form[action='/sign-out'] button").await;
    browser.page.goto(&link).await.unwrap();
    assert!(
        browser
            .text(".flash.bad")
            .await
            .contains("does not work any more")
    );
    browser.close().await;
}

#[tokio::test]
async fn a_wrong_password_an_expired_session_and_a_forged_form_are_turned_away() {
    let stack = with_operator().await;
    let browser = browser(&stack).await;
    browser.sign_in("boss", "wrong horse battery").await;
    assert!(
        browser
            .text("#p-password")
            .await
            .contains("do not belong together")
    );
    browser.sign_in("boss", PASSWORD).await;
    browser.go("/settings").await;
    let forge =
        "document.querySelector('form[action=\"/settings/maintenance\"] [name=csrf]').value = 'x'.repeat(64)";
    browser.page.execute(forge, vec![]).await.unwrap();
    browser.click("form[action='/settings/maintenance'] button").await;
    assert!(browser.text("main").await.contains("made for another session"));
    browser.go("/settings").await;
    assert_eq!(
        browser.text("form[action='/settings/maintenance'] button").await,
        "Begin maintenance"
    );
    let mut database = stack.database.connect().await;
    sqlx::query("UPDATE operator_sessions SET expires_at = now()")
        .execute(&mut database)
        .await
        .unwrap();
    browser.go("/connections").await;
    assert_eq!(browser.path().await, "/sign-in?next=/connections");
    browser.close().await;
}

#[tokio::test]
async fn too_many_wrong_passwords_are_not_looked_at_any_more() {
    let stack = with_operator().await;
    let address = stack.admin_address();
    let page = request(address, "GET", "/sign-in", &[], "").await;
    let cookie = page
        .head
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "))
        .unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let csrf = page
        .body
        .split("name=\"csrf\" value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let headers = [
        ("Cookie", cookie.as_str()),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    let attempt = async |password: &str| {
        let body = format!("csrf={csrf}&name=boss&password={password}&next=/");
        request(address, "POST", "/sign-in", &headers, &body).await.status
    };
    for _ in 0..10 {
        assert_eq!(attempt("wrong").await, 422);
    }
    assert_eq!(attempt("wrong").await, 429);
    assert_eq!(
        attempt(&PASSWORD.replace(' ', "+")).await,
        429,
        "not even the right one"
    );
}

#[tokio::test]
async fn maintenance_turns_new_clients_away_and_leaves_old_ones() {
    let stack = with_operator().await;
    let mut old = stack.client().await;
    let browser = signed_in(&stack).await;
    browser.go("/settings").await;
    browser.click("form[action='/settings/maintenance'] button").await;
    assert!(
        browser
            .text(".flash.good")
            .await
            .contains("Maintenance mode is on")
    );
    refused(&stack, 3503).await;
    old.accepted(&note("still here").sign()).await;
    assert!(
        browser.text("main table").await.contains("settings.maintenance"),
        "it is noted"
    );
    browser.click("form[action='/settings/maintenance'] button").await;
    browser.close().await;
}

#[tokio::test]
async fn the_number_of_connections_is_bounded() {
    let stack = with_operator().await;
    let _one = stack.client().await;
    let browser = signed_in(&stack).await;
    browser.go("/settings").await;
    browser.type_into("[name=most]", "many").await;
    browser.click("form[action='/settings/connections'] button").await;
    assert!(browser.text("#p-most").await.contains("A number"));
    browser.type_into("[name=most]", "1").await;
    browser.click("form[action='/settings/connections'] button").await;
    refused(&stack, 3503).await;
    browser.close().await;
}

#[tokio::test]
async fn a_client_is_disconnected() {
    let stack = with_operator().await;
    let mut client = stack.client().await;
    client.req("feed <b>", &[json!({ "kinds": [1] })]).await;
    let browser = signed_in(&stack).await;
    let id = client.challenge.clone();
    let path = format!("/connections/{id}");
    browser.go(&path).await;
    for _ in 0..100 {
        if browser.text("main").await.contains("feed <b>") {
            break;
        }
        browser.go(&path).await;
    }
    assert!(browser.text("main pre").await.contains("\"kinds\":[1]"));
    browser.click("form[action='/connections/close'] button").await;
    assert_eq!(u16::from(client.closed().await.code), 3502);
    browser.close().await;
}

#[tokio::test]
async fn a_banned_key_cannot_publish() {
    let stack = with_operator().await;
    let mut client = stack.client().await;
    client.accepted(&note("before").by("mallory").sign()).await;
    let browser = signed_in(&stack).await;
    browser.go("/access/banned").await;
    browser.type_into("[name=pubkey]", "npub1nonsense").await;
    browser.click("main form button").await;
    assert!(browser.text("#p-pubkey").await.contains("npub1"));
    browser
        .type_into("[name=pubkey]", &Keys::of("mallory").pubkey())
        .await;
    browser
        .type_into("[name=reason]", "<script>alert(1)</script>")
        .await;
    browser.find("[name=without_events]").await.click().await.unwrap();
    browser.click("main form button").await;
    assert!(
        browser
            .text("main table")
            .await
            .contains("<script>alert(1)</script>"),
        "shown as text"
    );
    for number in 0..200 {
        let ok = client
            .publish(&note(&number.to_string()).by("mallory").sign())
            .await;
        if !ok.accepted {
            assert!(ok.message.starts_with("blocked: "), "{ok:?}");
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    let by_mallory = [json!({ "authors": [Keys::of("mallory").pubkey()] })];
    while !client.req("left", &by_mallory).await.is_empty() {
        assert!(Instant::now() < deadline, "what it has written stays");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    browser.close().await;
}

#[tokio::test]
async fn a_name_that_is_given_is_told() {
    let stack = with_operator().await;
    let browser = signed_in(&stack).await;
    browser.go("/access/names").await;
    browser
        .type_into("[name=pubkey]", &Keys::of("bob").pubkey())
        .await;
    browser.type_into("[name=name]", "Bob").await;
    browser
        .type_into("[name=relays]", "wss://a.example wss://b.example")
        .await;
    browser.click("main form button").await;
    for _ in 0..200 {
        let answer = request(
            stack.address(),
            "GET",
            "/.well-known/nostr.json?name=bob",
            &[],
            "",
        )
        .await;
        if answer.body.contains(&Keys::of("bob").pubkey()) {
            assert!(answer.body.contains("wss://b.example"), "{answer:?}");
            browser.close().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the name is never told");
}

#[tokio::test]
async fn an_operator_signs_in_with_a_nostr_key() {
    let stack = with_operator().await;
    let mut database = stack.database.connect().await;
    sqlx::query(
        "INSERT INTO operator_keys (pubkey, operator_id) SELECT decode($1, 'hex'), id FROM operators",
    )
    .bind(Keys::of("boss").pubkey())
    .execute(&mut database)
    .await
    .unwrap();
    let browser = browser(&stack).await;
    browser.go("/sign-in").await;
    let url = format!("http://{}/sign-in/key", stack.admin_address());
    let signed = event(27_235)
        .by("boss")
        .tag(["u", &url])
        .tag(["method", "POST"])
        .sign();
    // The browser has no extension: what one would answer is put in its place.
    let extension = "window.nostr = { signEvent: async () => arguments[0] }";
    browser
        .page
        .execute(
            &format!(
                "const signed = arguments[0]; {}",
                extension.replace("arguments[0]", "signed")
            ),
            vec![signed],
        )
        .await
        .unwrap();
    browser.click("form[data-nostr] button").await;
    assert!(browser.text(".side").await.contains("boss"));
    browser.close().await;
}

#[tokio::test]
async fn a_dead_job_is_retried_and_thrown_away() {
    let stack = with_operator().await;
    let redis = testkit::TestRedis::connect().await;
    let job = r#"{"v":99,"events":[]}"#;
    redis
        .order("XADD", &[&stack.key("queue:nostr:import"), "*", "job", job])
        .await;
    let browser = signed_in(&stack).await;
    browser
        .until("/queues/nostr:import?show=dead", "job version 99")
        .await;
    let first = browser.find("main td a").await.attr("href").await.unwrap();
    browser.click("td form[action$='/retry'] button").await;
    assert!(browser.text(".flash.good").await.contains("enqueued again"));
    // It dies again, as another dead letter.
    browser
        .until("/queues/nostr:import?show=dead", "job version 99")
        .await;
    assert_ne!(browser.find("main td a").await.attr("href").await.unwrap(), first);
    browser.agree_to_everything().await;
    browser.click("td form[action$='/drop'] button").await;
    assert!(browser.text("main").await.contains("Nothing was given up."));
    browser.close().await;
}

#[tokio::test]
async fn scripts_of_strangers_are_text() {
    let stack = with_operator().await;
    let mut client = stack.client().await;
    let script = "<script>document.title = 'mine'</script><img src=x onerror=\"document.title = 'mine'\">";
    let profile = json!({ "name": script }).to_string();
    client.accepted(&event(0).content(&profile).sign()).await;
    let bad = event(1).content(script).tag(["t", script]).sign();
    client.accepted(&bad).await;
    let browser = signed_in(&stack).await;
    for path in [
        "/events".to_owned(),
        format!("/events/{}", bad["id"].as_str().unwrap()),
    ] {
        browser.until(&path, script).await;
        assert!(browser.text(".person b").await.starts_with("<script>"), "{path}");
        assert!(!browser.page.title().await.unwrap().contains("mine"), "{path}");
    }
    // What comes live is put into the page by a script.
    browser.go("/events").await;
    browser.find(".on").await;
    client.accepted(&note(&format!("later {script}")).sign()).await;
    browser.until_text("#latest", "later <script>").await;
    assert!(!browser.page.title().await.unwrap().contains("mine"));
    browser.close().await;
}

#[tokio::test]
async fn the_overview_moves_by_itself() {
    let stack = with_operator().await;
    let browser = signed_in(&stack).await;
    browser.go("/overview").await;
    let _clients = [stack.client().await, stack.client().await, stack.client().await];
    browser.until_text("#charts", "Connections\n3").await;
    browser.close().await;
}

#[tokio::test]
async fn an_event_is_removed_with_a_reason() {
    let stack = with_operator().await;
    let mut client = stack.client().await;
    let bad = note("bad").sign();
    client.accepted(&bad).await;
    let browser = signed_in(&stack).await;
    let path = format!("/events/{}", bad["id"].as_str().unwrap());
    browser.go(&path).await;
    browser.agree_to_everything().await;
    browser.click("form[action$='/ban'] button").await;
    assert!(browser.text("#p-reason").await.contains("Say why"));
    browser.type_into("[name=reason]", "not nice").await;
    browser.agree_to_everything().await;
    browser.click("form[action$='/ban'] button").await;
    browser.until(&path, "No event of this id is here").await;
    for _ in 0..200 {
        let ok = client.publish(&bad).await;
        if ok.message.starts_with("blocked: ") {
            browser.until("/access/history", "not nice").await;
            browser.close().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it may come back");
}
