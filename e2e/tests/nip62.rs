//! NIP-62: requests to vanish.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{EventBuilder, Keys, Stack, TestRedis, event, note};

const OURS: &str = "wss://relay.example";

/// By Alice.
fn request(relay: &str) -> EventBuilder {
    event(62).tag(["relay", relay]).content("goodbye")
}

async fn stack() -> Stack {
    Stack::builder()
        .set("RELAY__URLS", format!("[\"{OURS}\"]"))
        .set("WORKER__MAINTENANCE_BATCH", 2)
        .start()
        .await
}

fn by_alice() -> Value {
    json!({"authors": [Keys::of("alice").pubkey()]})
}

#[tokio::test]
async fn everything_of_the_author_is_gone_and_stays_away() {
    for relay in ["wss://RELAY.example:443/", "ALL_RELAYS"] {
        let stack = stack().await;
        let (mut alice, mut bob) = (stack.client().await, stack.client().await);
        bob.authenticate_at(OURS, "bob").await;
        let old: Vec<Value> = [
            note("a note").tag(["t", "x"]),
            event(0).content("{}"),
            event(30_023).tag(["d", "article"]),
            event(4).tag(["p", &Keys::of("bob").pubkey()]),
            event(5).tag(["e", &"1".repeat(64)]),
        ]
        .iter()
        .map(|event| event.clone().in_seconds(-100).sign())
        .collect();
        for event in &old {
            alice.accepted(event).await;
        }
        let others = note("of somebody else")
            .by("bob")
            .tag(["p", &Keys::of("alice").pubkey()])
            .in_seconds(-100)
            .sign();
        bob.accepted(&others).await;

        let request = request(relay).sign();
        alice.accepted(&request).await;
        assert_eq!(
            bob.req("s", &[by_alice()]).await,
            std::slice::from_ref(&request),
            "the request is kept"
        );
        assert_eq!(bob.count(&[by_alice()]).await, 1);
        assert!(bob.req("s", &[json!({"#t": ["x"]})]).await.is_empty());
        let ids: Vec<&Value> = old.iter().map(|event| &event["id"]).collect();
        assert!(bob.req("s", &[json!({"ids": ids})]).await.is_empty());
        assert_eq!(
            bob.req("s", &[json!({"authors": [others["pubkey"]]})]).await,
            [others]
        );

        for event in &old {
            for client in [&mut alice, &mut bob] {
                let again = client.publish(event).await;
                assert!(
                    !again.accepted && again.message.starts_with("blocked: "),
                    "{event} {again:?}"
                );
            }
        }
        let never_seen = alice.publish(&note("late").in_seconds(-50).sign()).await;
        assert!(!never_seen.accepted, "{never_seen:?}");
        alice.accepted(&note("a new life").in_seconds(1).sign()).await;
        assert_eq!(bob.count(&[by_alice()]).await, 2);
    }
}

#[tokio::test]
async fn gift_wraps_to_the_author_go_too() {
    let stack = stack().await;
    let mut client = stack.client().await;
    for name in ["alice", "bob"] {
        client.authenticate_at(OURS, name).await;
    }
    let wrap = |to: &str| {
        event(1059)
            .by("one-time")
            .tag(["p", &Keys::of(to).pubkey()])
            .in_seconds(-100)
            .sign()
    };
    let (to_alice, to_bob) = (wrap("alice"), wrap("bob"));
    client.accepted(&to_alice).await;
    client.accepted(&to_bob).await;
    client.accepted(&request("ALL_RELAYS").sign()).await;
    assert_eq!(
        client.req("s", &[json!({"kinds": [1059]})]).await,
        std::slice::from_ref(&to_bob)
    );
    let again = client.publish(&to_alice).await;
    assert!(
        !again.accepted && again.message.starts_with("blocked: "),
        "{again:?}"
    );
    assert!(client.publish(&to_bob).await.message.starts_with("duplicate: "));
}

#[tokio::test]
async fn a_request_to_other_relays_is_refused_and_does_nothing() {
    let stack = stack().await;
    let mut alice = stack.client().await;
    alice.accepted(&note("stays").in_seconds(-100).sign()).await;
    for request in [
        request("wss://elsewhere.example"),
        request("wss://relay.example/other"),
        event(62),
    ] {
        let refused = alice.publish(&request.sign()).await;
        assert!(
            !refused.accepted && refused.message.starts_with("invalid: "),
            "{refused:?}"
        );
    }
    assert_eq!(alice.count(&[by_alice()]).await, 1);
}

#[tokio::test]
async fn without_configured_urls_the_host_that_was_connected_to_is_ours() {
    let stack = Stack::start().await;
    let mut alice = stack.client().await;
    alice.accepted(&note("a note").in_seconds(-100).sign()).await;
    assert!(
        !alice
            .publish(&request("wss://elsewhere.example").sign())
            .await
            .accepted
    );
    alice.accepted(&request(&stack.url()).sign()).await;
    assert_eq!(alice.count(&[by_alice(), json!({"kinds": [1]})]).await, 1);
}

#[tokio::test]
async fn who_may_not_write_may_vanish() {
    let stack = Stack::builder()
        .set("RELAY__URLS", format!("[\"{OURS}\"]"))
        .set("AUTH__MIN_LEVEL_EVENT", 4)
        .set("POLICY__ALLOWED_KINDS", "[1]")
        .set(
            "POLICY__DENIED_PUBKEYS",
            format!("[\"{}\"]", Keys::of("alice").pubkey()),
        )
        .set("POLICY__MIN_POW_DIFFICULTY", 30)
        .start()
        .await;
    let mut alice = stack.client().await;
    assert!(!alice.publish(&note("").sign()).await.accepted);
    alice.accepted(&request(OURS).sign()).await;
}

#[tokio::test]
async fn a_request_cannot_be_deleted() {
    let stack = stack().await;
    let mut alice = stack.client().await;
    let request = request(OURS).in_seconds(-10).sign();
    alice.accepted(&request).await;
    let deletion = event(5).tag(["e", request["id"].as_str().unwrap()]).sign();
    alice.accepted(&deletion).await;
    assert_eq!(alice.req("s", &[json!({"kinds": [62]})]).await, [request]);
    assert!(!alice.publish(&note("old").in_seconds(-20).sign()).await.accepted);
}

#[tokio::test]
async fn the_list_of_latest_events_forgets_too() {
    let (stack, redis) = (stack().await, TestRedis::connect().await);
    let mut alice = stack.client().await;
    alice
        .accepted(&note("of bob").by("bob").in_seconds(-100).sign())
        .await;
    alice.accepted(&note("of alice").in_seconds(-100).sign()).await;
    alice.accepted(&request(OURS).sign()).await;
    let list = stack.key("latest-events");
    let forgotten = async || {
        let listed: Vec<String> = redis.run("LRANGE", &[&list, "0", "-1"]).await;
        let contents = listed
            .iter()
            .map(|json| serde_json::from_str::<Value>(json).unwrap()["content"].take());
        contents.eq(["goodbye", "of bob"])
    };
    until("the list forgets", forgotten).await;
}

/// Bob signs for Alice.
fn delegated(event: EventBuilder) -> EventBuilder {
    let alice = Keys::of("alice");
    let token = alice.delegate("bob", "");
    event.by("bob").tag(["delegation", &alice.pubkey(), "", &token])
}

#[tokio::test]
async fn what_was_signed_for_the_author_goes_too_where_delegation_counts() {
    for (delegation, window) in [(true, 134_217_728), (true, 0), (false, 134_217_728)] {
        let stack = Stack::builder()
            .set("POLICY__DELEGATION", delegation)
            .set("WORKER__WINDOW_BYTES", window)
            .set("WORKER__MAINTENANCE_BATCH", 2)
            .start()
            .await;
        let redis = TestRedis::connect().await;
        let (mut alice, mut bob) = (stack.client().await, stack.client().await);
        let theirs: Vec<Value> = [note("one"), event(0).content("{}"), note("three")]
            .into_iter()
            .map(|event| delegated(event).in_seconds(-100).sign())
            .collect();
        let own = note("bob's own").by("bob").in_seconds(-100).sign();
        for event in theirs.iter().chain([&own]) {
            bob.accepted(event).await;
        }
        alice.accepted(&request("ALL_RELAYS").sign()).await;
        let by_bob = [json!({"authors": [Keys::of("bob").pubkey()]})];
        let left = if delegation { 1 } else { 4 };
        assert_eq!(bob.req("s", &by_bob).await.len(), left);
        assert_eq!(bob.count(&by_bob).await, left as u64);
        assert_eq!(bob.count(&[by_alice()]).await, 1, "the request");
        let late = delegated(note("never seen")).in_seconds(-50).sign();
        for event in theirs.iter().chain([&late]) {
            let again = bob.publish(event).await;
            assert_eq!(again.accepted, !delegation, "{again:?}");
            assert!(!delegation || again.message.starts_with("blocked: "), "{again:?}");
        }
        bob.accepted(&delegated(note("a new life").in_seconds(1)).sign())
            .await;
        bob.accepted(&note("more of bob").by("bob").sign()).await;
        let list = stack.key("latest-events");
        let has_gone = async || {
            let listed: Vec<String> = redis.run("LRANGE", &[&list, "0", "-1"]).await;
            !delegation || !listed.iter().any(|json| json.contains("\"one\""))
        };
        until("the list of latest events forgets", has_gone).await;
    }
}

/// Waits until it is so.
async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(30), waiting).await;
    assert!(in_time.is_ok(), "{what}");
}

#[tokio::test]
async fn jobs_that_were_given_up_forget_the_author_and_keep_what_others_wrote() {
    let (stack, redis) = (stack().await, TestRedis::connect().await);
    let mut client = stack.client().await;
    let hers = note("hers").in_seconds(-100).sign();
    let late = note("hers, later").in_seconds(100).sign();
    let others = note("not hers").by("bob").in_seconds(-100).sign();
    let wrap = event(1059)
        .by("one-time")
        .tag(["p", &Keys::of("alice").pubkey()])
        .in_seconds(-100)
        .sign();
    let submitted = |event: &Value| format!(r#"{{"connection":"c","event":{event}}}"#);
    let bury = async |queue: &str, events: &[String]| {
        let job = format!(r#"{{"v":1,"events":[{}]}}"#, events.join(","));
        let fields = [
            "job",
            &job,
            "error",
            "Postgres was away",
            "attempts",
            "5",
            "id",
            "1-0",
        ];
        let dead = stack.key(&format!("queue:{queue}:dead"));
        redis
            .order("XADD", &[&[dead.as_str(), "*"], &fields[..]].concat())
            .await;
    };
    bury(
        "nostr:event",
        &[submitted(&hers), submitted(&others), submitted(&late)],
    )
    .await;
    bury("nostr:event", &[submitted(&hers), submitted(&wrap)]).await;
    bury("nostr:event", &[submitted(&others)]).await;
    bury("nostr:import", &[hers.to_string(), others.to_string()]).await;
    // This one is given up by a worker.
    let unknown = format!(r#"{{"v":99,"events":[{hers},{others}]}}"#);
    let import = stack.key("queue:nostr:import");
    redis.order("XADD", &[&import, "*", "job", &unknown]).await;
    let dead = async |queue: &str| -> Vec<String> {
        let key = stack.key(&format!("queue:{queue}:dead"));
        let letters: Vec<(String, Vec<String>)> = redis.run("XRANGE", &[&key, "-", "+"]).await;
        letters.into_iter().map(|(_, fields)| fields[1].clone()).collect()
    };
    until("it is given up", async || dead("nostr:import").await.len() == 2).await;

    client.accepted(&request(OURS).sign()).await;
    let is_left = |jobs: &[String], of: &Value| {
        jobs.iter()
            .filter(|job| job.contains(of["id"].as_str().unwrap()))
            .count()
    };
    let forgotten = async || {
        let jobs = [dead("nostr:event").await, dead("nostr:import").await].concat();
        is_left(&jobs, &hers) + is_left(&jobs, &wrap) == 0
    };
    until("she is forgotten", forgotten).await;
    let events = dead("nostr:event").await;
    assert_eq!(
        (events.len(), is_left(&events, &others), is_left(&events, &late)),
        (2, 2, 1)
    );
    assert!(
        events.iter().any(|job| job.contains(&submitted(&others))),
        "as it was"
    );
    let imports = dead("nostr:import").await;
    assert_eq!((imports.len(), is_left(&imports, &others)), (2, 2));

    // What is given up later, too.
    bury("nostr:event", &[submitted(&hers)]).await;
    until("she is forgotten again", forgotten).await;
    assert_eq!(dead("nostr:event").await.len(), 2);
}
