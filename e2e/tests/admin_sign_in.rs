//! Signing in to the operator's pages.

use testkit::{Keys, Stack, event, request};

use crate::operator::{PASSWORD, browser, with_operator};

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
