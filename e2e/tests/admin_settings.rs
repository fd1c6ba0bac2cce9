//! The Settings page: what is in force at once, and what was configured.

use std::time::Duration;

use testkit::{Client, Stack, TestRedis, note};

use crate::operator::{operated, signed_in, with_operator};

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

/// The same server by a URL with a password in it, unless it has one.
fn with_password(url: &str, user: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (given, server) = rest.rsplit_once('@').unwrap_or((user, rest));
    if given.contains(':') {
        return url.to_owned();
    }
    format!("{scheme}://{given}:hunter2@{server}")
}

#[tokio::test]
async fn the_configuration_is_listed_with_where_it_comes_from_and_without_secrets() {
    let file = std::env::temp_dir().join(format!("switchyard-{:016x}.toml", rand::random::<u64>()));
    std::fs::write(
        &file,
        "[limits]\nmax_limit = 4321\n[relay]\nname = \"<i>Ours</i>\"\n",
    )
    .unwrap();
    let redis = TestRedis::connect().await;
    let user = format!("t{:016x}", rand::random::<u64>());
    redis
        .order("ACL", &["SETUSER", &user, "on", ">hunter2", "~*", "&*", "+@all"])
        .await;
    let secret_key = "7".repeat(64);
    let stack = Stack::builder()
        .set("CONFIG", file.display())
        .set("LIMITS__MAX_FILTERS", 7)
        .set("RELAY__SECRET_KEY", &secret_key)
        .set("TELEMETRY__SENTRY_DSN", "https://hunter2@127.0.0.1:9/1");
    let mut stack = operated(stack).await;
    let admin = stack.admin.as_mut().unwrap();
    admin.terminate().await;
    // A server that trusts its neighbours does not look at their passwords.
    let postgres = with_password(&stack.database.url, "switchyard");
    admin.set("POSTGRES__URL", postgres);
    admin.set("REDIS__URL", with_password(&testkit::redis_url(), &user));
    admin.restart().await;
    let browser = signed_in(&stack).await;
    browser.go("/settings").await;
    browser.click("a[href='/settings/configuration']").await;
    for (setting, value, origin) in [
        ("limits.max_filters", "7", "SWITCHYARD_LIMITS__MAX_FILTERS"),
        ("limits.max_limit", "4321", "file"),
        ("limits.default_limit", "500", "default"),
        ("relay.name", "\"<i>Ours</i>\"", "file"),
        ("relay.secret_key", "\"***\"", "SWITCHYARD_RELAY__SECRET_KEY"),
        ("redis.url", "\"***\"", "SWITCHYARD_REDIS__URL"),
        ("redis.jobs_url", "\"\"", "default"),
        ("postgres.url", "\"***\"", "SWITCHYARD_POSTGRES__URL"),
        (
            "telemetry.sentry_dsn",
            "\"***\"",
            "SWITCHYARD_TELEMETRY__SENTRY_DSN",
        ),
    ] {
        let cell = |n: u32| format!("[id='{setting}'] td:nth-child({n})");
        assert_eq!(browser.text(&cell(2)).await, value, "{setting}");
        assert_eq!(browser.text(&cell(3)).await, origin, "{setting}");
    }
    for path in [
        "/settings/configuration",
        "/settings",
        "/overview",
        "/queues",
        "/account",
    ] {
        browser.go(path).await;
        let html = browser.page.source().await.unwrap();
        assert!(html.contains("</main>"), "{path}");
        assert!(
            !html.contains("hunter2") && !html.contains(&secret_key),
            "{path}: {html}"
        );
    }
    browser.close().await;
    drop(stack);
    redis.order("ACL", &["DELUSER", &user]).await;
    std::fs::remove_file(&file).unwrap();
}
