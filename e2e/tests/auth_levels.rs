//! Auth levels: what the database says of a key holds for the connections that are open.

use std::time::Duration;

use serde_json::json;
use testkit::{Client, Keys, Stack, TestRedis, note};

const REGISTER: &str = "INSERT INTO user_pubkeys (pubkey) VALUES (decode($1, 'hex'))";
const UNREGISTER: &str = "DELETE FROM user_pubkeys WHERE pubkey = decode($1, 'hex')";
const SUBSCRIBE: &str = "INSERT INTO author_subscriptions (pubkey, expires_at) \
    VALUES (decode($1, 'hex'), now() + interval '1 day')";
const LAPSE: &str = "UPDATE author_subscriptions SET expires_at = now() + interval '1 second' \
    WHERE pubkey = decode($1, 'hex')";
const TRUST: &str = "INSERT INTO trusted_authors (pubkey) VALUES (decode($1, 'hex'))";
const DISTRUST: &str = "DELETE FROM trusted_authors WHERE pubkey = decode($1, 'hex')";

async fn sql(stack: &Stack, statement: &'static str, name: &str) {
    let mut database = stack.database.connect().await;
    sqlx::query(statement)
        .bind(Keys::of(name).pubkey())
        .execute(&mut database)
        .await
        .unwrap();
}

/// As operators see it; it is written after it holds.
async fn level_becomes(stack: &Stack, client: &Client, level: u8) {
    let (redis, key) = (TestRedis::connect().await, stack.key("authorizations"));
    let mut last = None;
    let becoming = async {
        loop {
            last = redis.run::<Option<u8>>("HGET", &[&key, &client.challenge]).await;
            if last == Some(level) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(20), becoming).await;
    assert!(in_time.is_ok(), "{level} expected, {last:?}");
}

async fn as_alice(stack: &Stack, relay: usize) -> Client {
    let mut client = stack.client_of(relay).await;
    client.authenticate("alice").await;
    client
}

#[tokio::test]
async fn every_change_reaches_open_connections_of_every_process() {
    let stack = Stack::builder().relays(2).workers(2).start().await;
    let clients = [as_alice(&stack, 0).await, as_alice(&stack, 1).await];
    let mut bob = stack.client().await;
    bob.authenticate("bob").await;
    for (statement, level) in [
        (REGISTER, 2),
        (SUBSCRIBE, 3),
        (TRUST, 4),
        (UNREGISTER, 4),
        (DISTRUST, 3),
        (LAPSE, 1),
        (
            "UPDATE author_subscriptions SET expires_at = now() + interval '1 day' WHERE pubkey = decode($1, 'hex')",
            3,
        ),
        (
            "DELETE FROM author_subscriptions WHERE pubkey = decode($1, 'hex')",
            1,
        ),
    ] {
        sql(&stack, statement, "alice").await;
        for client in &clients {
            level_becomes(&stack, client, level).await;
        }
    }
    level_becomes(&stack, &bob, 1).await;
}

#[tokio::test]
async fn a_key_may_do_more_as_soon_as_its_level_rises() {
    let stack = Stack::builder()
        .set("AUTH__MIN_LEVEL_EVENT", 4)
        .set("AUTH__MIN_LEVEL_COUNT", 2)
        .start()
        .await;
    let mut client = stack.client().await;
    let ok = client.publish(&note("too early").sign()).await;
    assert!(
        !ok.accepted && ok.message.starts_with("auth-required: "),
        "{ok:?}"
    );
    client.authenticate("alice").await;
    let ok = client.publish(&note("still too early").sign()).await;
    assert!(!ok.accepted && ok.message.starts_with("restricted: "), "{ok:?}");
    let reason = client.refused("COUNT", &[json!({})]).await;
    assert!(reason.starts_with("restricted: "), "{reason}");

    sql(&stack, TRUST, "alice").await;
    level_becomes(&stack, &client, 4).await;
    client.accepted(&note("now").sign()).await;
    assert_eq!(client.count(&[json!({})]).await, 1);
}

#[tokio::test]
async fn who_loses_a_level_loses_the_open_subscriptions() {
    let stack = Stack::builder().set("AUTH__MIN_LEVEL_REQ", 2).start().await;
    sql(&stack, REGISTER, "alice").await;
    let mut client = as_alice(&stack, 0).await;
    assert!(client.req("feed", &[json!({"kinds": [1]})]).await.is_empty());
    client.accepted(&note("heard").sign()).await;
    client.live("feed").await;

    sql(&stack, UNREGISTER, "alice").await;
    let closed = client.expect("CLOSED").await;
    assert_eq!(closed[1], "feed");
    assert!(
        closed[2].as_str().unwrap().starts_with("restricted: "),
        "{closed}"
    );
    client.accepted(&note("unheard").sign()).await;
    let reason = client.refused("REQ", &[json!({"kinds": [1]})]).await;
    assert!(reason.starts_with("restricted: "), "{reason}");
}

#[tokio::test]
async fn the_best_of_several_keys_counts() {
    let stack = Stack::start().await;
    let mut client = as_alice(&stack, 0).await;
    client.authenticate("bob").await;
    sql(&stack, TRUST, "bob").await;
    level_becomes(&stack, &client, 4).await;
    sql(&stack, REGISTER, "alice").await;
    sql(&stack, DISTRUST, "bob").await;
    level_becomes(&stack, &client, 2).await;
}

#[tokio::test]
async fn a_change_that_nobody_could_tell_of_is_found() {
    let stack = Stack::start().await;
    let client = as_alice(&stack, 0).await;
    sql(&stack, TRUST, "alice").await;
    level_becomes(&stack, &client, 4).await;
    let mut database = stack.database.connect().await;
    for change in [
        "TRUNCATE trusted_authors",
        // Who listens is cut off, and the trigger is silent besides.
        "ALTER TABLE user_pubkeys DISABLE TRIGGER USER",
    ] {
        sqlx::query(change).execute(&mut database).await.unwrap();
    }
    level_becomes(&stack, &client, 1).await;
    sql(&stack, REGISTER, "alice").await;
    sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name = 'switchyard-listens'",
    )
    .execute(&mut database)
    .await
    .unwrap();
    level_becomes(&stack, &client, 2).await;
}

#[tokio::test]
async fn a_change_while_no_worker_listened_is_found_by_the_next() {
    let mut stack = Stack::start().await;
    let client = as_alice(&stack, 0).await;
    sql(&stack, REGISTER, "alice").await;
    level_becomes(&stack, &client, 2).await;
    stack.workers[0].kill();
    sql(&stack, UNREGISTER, "alice").await;
    stack.workers[0].restart().await;
    level_becomes(&stack, &client, 1).await;
}
