//! What lies in Redis for outsiders to read and to set: keys are a contract.

use std::time::Duration;

use fred::interfaces::{HashesInterface, KeysInterface, ListInterface, SetsInterface};
use serde_json::json;
use testkit::{Keys, Stack, event, note};

use crate::plugins::redis;

const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until Redis says what is expected.
async fn becomes<T: PartialEq + std::fmt::Debug>(expected: T, mut look: impl AsyncFnMut() -> T) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let seen = look().await;
        if seen == expected {
            return;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "{seen:?} does not become {expected:?}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_keys_describe_who_is_connected() {
    let stack = Stack::start().await;
    let (redis, mut client) = (redis().await, stack.client().await);
    let id = client.challenge.clone();
    client.req("feed:1", &[json!({"kinds": [1], "limit": 5})]).await;
    client.accepted(&note("x").sign()).await;

    let connections = stack.key("connections");
    becomes(vec![id.clone()], async || {
        redis.smembers(&connections).await.unwrap()
    })
    .await;
    becomes(Some("127.0.0.1".to_owned()), async || {
        redis.hget(stack.key("connections_ips"), &id).await.unwrap()
    })
    .await;
    becomes(vec!["feed:1".to_owned()], async || {
        redis
            .smembers(stack.key(&format!("client_reqs:{id}")))
            .await
            .unwrap()
    })
    .await;
    becomes(Some(r#"[{"kinds":[1],"limit":5}]"#.to_owned()), async || {
        redis
            .get(stack.key(&format!("subscriptions:{id}:feed:1")))
            .await
            .unwrap()
    })
    .await;
    becomes(Some(2_u64), async || {
        redis.hget(stack.key("requests"), &id).await.unwrap()
    })
    .await;
    becomes(true, async || {
        redis
            .hget::<Option<u64>, _, _>(stack.key("incoming_traffic"), &id)
            .await
            .unwrap()
            > Some(300)
    })
    .await;
    becomes(true, async || {
        redis
            .hget::<Option<u64>, _, _>(stack.key("outgoing_traffic"), &id)
            .await
            .unwrap()
            > Some(100)
    })
    .await;
    becomes(1_u64, async || {
        redis.llen(stack.key("latest-events")).await.unwrap()
    })
    .await;

    client.leave().await;
    becomes(Vec::<String>::new(), async || {
        redis.smembers(&connections).await.unwrap()
    })
    .await;
    for key in [
        "connections_ips",
        "connections_starts",
        "requests",
        "incoming_traffic",
        "outgoing_traffic",
    ] {
        becomes(None::<String>, async || {
            redis.hget(stack.key(key), &id).await.unwrap()
        })
        .await;
    }
    becomes(0_u64, async || {
        redis
            .exists(stack.key(&format!("subscriptions:{id}:feed:1")))
            .await
            .unwrap()
    })
    .await;
}

#[tokio::test]
async fn what_a_killed_relay_left_behind_is_removed() {
    let mut stack = Stack::start().await;
    let (redis, mut client) = (redis().await, stack.client().await);
    client.req("s", &[json!({})]).await;
    let connections = stack.key("connections");
    becomes(1_u64, async || redis.scard(&connections).await.unwrap()).await;
    let subscription = stack.key(&format!("subscriptions:{}:s", client.challenge));
    becomes(1_u64, async || redis.exists(&subscription).await.unwrap()).await;
    stack.relays[0].kill();
    becomes(0_u64, async || redis.scard(&connections).await.unwrap()).await;
    becomes(0_u64, async || redis.exists(&subscription).await.unwrap()).await;
    becomes(0_u64, async || {
        redis.hlen(stack.key("relay_processes")).await.unwrap()
    })
    .await;
}

#[tokio::test]
async fn settings_in_redis_hold_within_a_second_on_every_process() {
    let stack = Stack::builder().relays(2).start().await;
    let redis = redis().await;
    let mut before = stack.client_of(0).await;

    let _: () = redis
        .set(stack.key("maintenance"), "1", None, None, false)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    for relay in 0..2 {
        let close = testkit::Client::open(&stack.url_of(relay), &[])
            .await
            .closed()
            .await;
        assert_eq!(u16::from(close.code), 3503);
    }
    before.accepted(&note("existing connections stay").sign()).await;
    let _: () = redis.del(stack.key("maintenance")).await.unwrap();

    let _: () = redis
        .set(stack.key("max_allowed_connections"), "2", None, None, false)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let second = stack.client_of(1).await;
    for relay in 0..2 {
        let close = testkit::Client::open(&stack.url_of(relay), &[])
            .await
            .closed()
            .await;
        assert_eq!(u16::from(close.code), 3503);
    }
    second.leave().await;
    becomes(1_u64, async || {
        redis.scard(stack.key("connections")).await.unwrap()
    })
    .await;
    stack
        .client_of(0)
        .await
        .accepted(&note("there is a place again").sign())
        .await;
}

#[tokio::test]
async fn rate_limits_hold_across_processes_except_for_the_unlimited() {
    let stack = Stack::builder()
        .relays(2)
        .set("RATE_LIMITS__REQS", 5)
        .set("WEBSOCKET__TRUSTED_PROXIES", r#"["127.0.0.0/8"]"#)
        .start()
        .await;
    let redis = redis().await;
    let _: () = redis
        .sadd(stack.key("unlimited_ips"), "203.0.113.9")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let from = |relay: usize, address: &'static str| {
        let url = stack.url_of(relay);
        async move { testkit::Client::connect_with(&url, &[("x-forwarded-for", address)]).await }
    };
    let mut one = from(0, "203.0.113.1").await;
    for n in 0..5 {
        one.req(&n.to_string(), &[json!({"limit": 1})]).await;
    }
    one.start("6", &[json!({})]).await;
    let closed = one.next().await;
    assert!(
        closed[0] == "CLOSED" && closed[2].as_str().unwrap().starts_with("rate-limited: "),
        "{closed}"
    );

    becomes(Some(6.0), async || {
        use fred::interfaces::SortedSetsInterface;
        redis
            .zscore::<Option<f64>, _, _>(stack.key("requests:203.0.113.1"), "reqs")
            .await
            .unwrap()
    })
    .await;
    // The other process learns the sum when it counts the address for the first time.
    let mut other = from(1, "203.0.113.1").await;
    other.req("a", &[json!({"limit": 1})]).await;
    becomes(true, async || {
        other.start("b", &[json!({"limit": 1})]).await;
        let answer = other.next().await;
        if answer[0] == "EOSE" {
            return false;
        }
        assert!(
            answer[2].as_str().unwrap().starts_with("rate-limited: "),
            "{answer}"
        );
        true
    })
    .await;
    let mut free = from(0, "203.0.113.9").await;
    for n in 0..10 {
        free.req(&n.to_string(), &[json!({"limit": 1})]).await;
    }
    let mut neighbour = from(0, "203.0.113.2").await;
    neighbour.req("x", &[json!({})]).await;
}

#[tokio::test]
async fn a_proven_key_is_known_with_its_level() {
    let stack = Stack::start().await;
    let (redis, mut client) = (redis().await, stack.client().await);
    let id = client.challenge.clone();
    let relay = format!("ws://{}/", stack.address());
    let auth =
        |challenge: &str, relay: &str| event(22_242).tag(["relay", relay]).tag(["challenge", challenge]);
    for bad in [
        auth("wrong", &relay),
        auth(&id, "wss://elsewhere.example"),
        auth(&id, &relay).in_seconds(-3600),
    ] {
        let bad = bad.sign();
        client.send(json!(["AUTH", bad])).await;
        let ok = client.ok_for(&bad).await;
        assert!(!ok.accepted && ok.message.starts_with("invalid: "), "{ok:?}");
    }
    let proof = auth(&id, &relay).sign();
    client.send(json!(["AUTH", proof])).await;
    assert!(client.ok_for(&proof).await.accepted);
    becomes(Some(Keys::of("alice").pubkey()), async || {
        redis.hget(stack.key("authentications"), &id).await.unwrap()
    })
    .await;
    becomes(Some(1_u8), async || {
        redis.hget(stack.key("authorizations"), &id).await.unwrap()
    })
    .await;
    // NIP-70: now Alice may publish what is protected; of Bob's she may not.
    client.accepted(&note("mine").tag(["-"]).sign()).await;
    let ok = client.publish(&note("his").by("bob").tag(["-"]).sign()).await;
    assert!(!ok.accepted && ok.message.starts_with("restricted: "), "{ok:?}");
}
