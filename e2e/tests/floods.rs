//! Floods: whoever asks for more than his share waits for himself, and nobody else waits behind him.

use std::{fmt::Display, time::Duration};

use futures::future::join_all;
use serde_json::{Value, json};
use testkit::{Client, Keys, Stack, StackBuilder, TestRedis, event, note, request};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::nip77;

const PATIENCE: Duration = Duration::from_secs(20);

const HOSTILE: &str = "198.51.100.66";
const OTHER: &str = "198.51.100.7";

/// A relay whose clients say where they come from.
fn relay() -> StackBuilder {
    Stack::builder().set("WEBSOCKET__TRUSTED_PROXIES", r#"["127.0.0.1/32"]"#)
}

async fn client(stack: &Stack, address: &str) -> Client {
    Client::connect_with(&stack.url(), &[("x-forwarded-for", address)]).await
}

/// Jobs in a queue, those that run included.
async fn waiting(stack: &Stack, redis: &TestRedis, queue: &str) -> usize {
    redis.run("XLEN", &[&stack.key(&format!("queue:{queue}"))]).await
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking)
        .await
        .unwrap_or_else(|_| panic!("{what}"));
}

/// A gauge of relay-ws.
async fn gauge(stack: &Stack, name: &str) -> Option<f64> {
    let metrics = stack.relays[0].metrics().await;
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok())
}

/// A question of that number.
type Ask<'a> = &'a dyn Fn(usize) -> Value;

#[tokio::test]
async fn questions_of_one_address_take_turns_and_nobody_else_waits_behind_them() {
    // What is slow because its worker stood still is not to be paid for here.
    let stack = relay()
        .set("PER_ADDRESS__REQS", 4)
        .set("PER_ADDRESS__WORK_PERCENT", 100)
        .start()
        .await;
    let redis = TestRedis::connect().await;
    let (mut hostile, mut again) = (client(&stack, HOSTILE).await, client(&stack, HOSTILE).await);
    let mut other = client(&stack, OTHER).await;
    let stored = note("stored and searched").sign();
    other.accepted(&stored).await;
    let search = json!({"search": "stored"});
    until("it is searchable", async || {
        !other.req("s", std::slice::from_ref(&search)).await.is_empty()
    })
    .await;
    other.send(json!(["CLOSE", "s"])).await;

    for queue in ["nostr:req", "nostr:search"] {
        until("the worker has done what it had", async || {
            waiting(&stack, &redis, queue).await == 0
        })
        .await;
    }
    stack.workers[0].freeze();
    let questions: [(&str, usize, Ask<'_>); 4] = [
        (
            "nostr:req",
            4,
            &|n| json!(["REQ", format!("r{n}"), {"kinds": [1]}]),
        ),
        ("nostr:search", 1, &|n| json!(["REQ", format!("s{n}"), search])),
        (
            "nostr:count",
            1,
            &|n| json!(["COUNT", format!("c{n}"), {"kinds": [1]}]),
        ),
        (
            "nostr:negentropy",
            1,
            &|n| json!(["NEG-OPEN", format!("n{n}"), {"kinds": [1]}, "6100000200"]),
        ),
    ];
    for (queue, most, question) in questions {
        for client in [&mut hostile, &mut again] {
            for number in 0..5 {
                client.send(question(number)).await;
            }
            client.send("[]").await;
            client.expect("NOTICE").await;
        }
        until(queue, async || waiting(&stack, &redis, queue).await >= most).await;
        other.send(question(100)).await;
        until(queue, async || waiting(&stack, &redis, queue).await > most).await;
        assert_eq!(waiting(&stack, &redis, queue).await, most + 1, "{queue}");
    }
    stack.workers[0].thaw();

    for (client, each) in [(&mut hostile, 5), (&mut again, 5), (&mut other, 1)] {
        for verb in ["COUNT", "NEG-MSG"] {
            for _ in 0..each {
                client.expect(verb).await;
            }
        }
        for _ in 0..2 * each {
            client.expect("EOSE").await;
        }
    }
}

#[tokio::test]
async fn a_subscription_that_is_replaced_again_and_again_is_one_question() {
    let stack = relay().start().await;
    let redis = TestRedis::connect().await;
    let stored = note("stored").sign();
    client(&stack, OTHER).await.accepted(&stored).await;
    let mut hostile = client(&stack, HOSTILE).await;
    stack.workers[0].freeze();
    for number in 0..2_000 {
        hostile
            .start(
                "same",
                &[json!({"kinds": [1], "until": 4_000_000_000_u64 + number})],
            )
            .await;
    }
    hostile.send("[]").await;
    hostile.expect("NOTICE").await;
    assert!(waiting(&stack, &redis, "nostr:req").await <= 4);
    stack.workers[0].thaw();
    assert_eq!(hostile.until_eose("same").await.0, [stored], "the last one, once");
    until("all is done", async || {
        waiting(&stack, &redis, "nostr:req").await == 0
    })
    .await;
}

#[tokio::test]
async fn counts_without_an_answer_are_bounded() {
    let stack = relay().set("LIMITS__MAX_SUBSCRIPTIONS", 10).start().await;
    let mut hostile = client(&stack, HOSTILE).await;
    stack.workers[0].freeze();
    for number in 0..200 {
        hostile.send(json!(["COUNT", number.to_string(), {}])).await;
    }
    for _ in 0..190 {
        let closed = hostile.expect("CLOSED").await;
        assert!(
            closed[2].as_str().unwrap().starts_with("rate-limited: "),
            "{closed}"
        );
    }
    stack.workers[0].thaw();
    for _ in 0..10 {
        hostile.expect("COUNT").await;
    }
}

/// Events in the jobs of a queue.
async fn events_on_their_way(stack: &Stack, redis: &TestRedis) -> usize {
    let key = stack.key("queue:nostr:event");
    let jobs: Vec<(String, Vec<String>)> = redis.run("XRANGE", &[&key, "-", "+"]).await;
    let events = jobs
        .iter()
        .flat_map(|(_, fields)| fields)
        .map(|job| job.matches("\"sig\"").count());
    events.sum()
}

/// Another address that has just sent something: who is alone need not wait.
async fn company(stack: &Stack, redis: &TestRedis) -> Client {
    let mut other = client(stack, OTHER).await;
    other.publish(&note("I am here").by("bob").sign()).await;
    until("its job is done", async || {
        events_on_their_way(stack, redis).await == 0
    })
    .await;
    other
}

/// Turns that addresses have waited for, since they had taken more than their share.
async fn turns_waited_for(stack: &Stack) -> f64 {
    let waited = gauge(stack, "relay_turns_waited_for_total").await;
    waited.expect("it is counted from the start")
}

/// Messages that take long to read, and ask for nothing that is stored.
async fn send_heavy(client: &mut Client) {
    let authors: Vec<String> = (0..370).map(|number| format!("{number:064x}")).collect();
    for number in 0..HEAVY {
        let mut message = vec![json!("REQ"), json!(format!("heavy {number}"))];
        message.extend(vec![json!({"authors": authors, "limit": 0}); 20]);
        client.send(Value::Array(message)).await;
    }
}

const HEAVY: usize = 4;

async fn expect_ends(client: &mut Client) {
    for _ in 0..HEAVY {
        client.expect("EOSE").await;
    }
}

#[tokio::test]
async fn whoever_takes_more_than_his_share_waits_and_is_answered_in_the_end() {
    let stack = relay().set("PER_ADDRESS__WORK_PERCENT", 5).start().await;
    let redis = TestRedis::connect().await;
    let mut hostile = client(&stack, HOSTILE).await;
    let mut other = company(&stack, &redis).await;
    until("it waits", async || {
        send_heavy(&mut hostile).await;
        assert_eq!(other.req("s", &[json!({"kinds": [1]})]).await.len(), 1);
        expect_ends(&mut hostile).await;
        turns_waited_for(&stack).await > 0.0
    })
    .await;
}

/// What an address with a hundredth of the cores does again and again, until it has to wait; somebody else is answered all the time.
async fn waits_in_the_end(mut floods: impl AsyncFnMut(&Stack)) {
    let stack = relay().set("PER_ADDRESS__WORK_PERCENT", 1).start().await;
    let redis = TestRedis::connect().await;
    let mut other = company(&stack, &redis).await;
    until("it waits", async || {
        floods(&stack).await;
        assert_eq!(other.req("s", &[json!({"kinds": [1]})]).await.len(), 1);
        turns_waited_for(&stack).await > 0.0
    })
    .await;
}

#[tokio::test]
async fn whoever_opens_connections_without_end_waits_at_the_door() {
    let mut held = Vec::new();
    waits_in_the_end(async |stack| held.extend(join_all((0..100).map(|_| client(stack, HOSTILE))).await))
        .await;
}

#[tokio::test]
async fn whoever_leaves_and_comes_back_owes_still() {
    waits_in_the_end(async |stack| {
        for _ in 0..20 {
            client(stack, HOSTILE).await.leave().await;
        }
    })
    .await;
}

#[tokio::test]
async fn whoever_asks_for_pages_without_end_waits_too() {
    let paths = ["/", "/.well-known/nostr.json?name=_", "/nothing"];
    let headers = [("x-forwarded-for", HOSTILE), ("accept", "application/nostr+json")];
    waits_in_the_end(async |stack| {
        let get = async |path| request(stack.address(), "GET", path, &headers, "").await.status;
        for _ in 0..20 {
            assert_eq!(join_all(paths.map(get)).await, [200, 200, 404]);
        }
    })
    .await;
}

#[tokio::test]
async fn whoever_is_alone_or_unlimited_waits_for_nothing() {
    let stack = relay()
        .set("PER_ADDRESS__WORK_PERCENT", 1)
        .set("PER_ADDRESS__CONNECTIONS", 1)
        .start()
        .await;
    let redis = TestRedis::connect().await;
    let mut hostile = client(&stack, HOSTILE).await;
    send_heavy(&mut hostile).await;
    expect_ends(&mut hostile).await;
    assert_eq!(turns_waited_for(&stack).await, 0.0, "alone");

    redis.order("SADD", &[&stack.key("unlimited_ips"), HOSTILE]).await;
    until("it is unlimited", async || {
        let mut second = Client::open(&stack.url(), &[("x-forwarded-for", HOSTILE)]).await;
        second.is_welcome().await
    })
    .await;
    company(&stack, &redis).await;
    send_heavy(&mut hostile).await;
    expect_ends(&mut hostile).await;
    assert_eq!(turns_waited_for(&stack).await, 0.0, "unlimited");
}

#[tokio::test]
async fn a_flood_of_events_waits_in_its_own_sockets() {
    let stack = relay().set("PER_ADDRESS__EVENTS", 20).start().await;
    let redis = TestRedis::connect().await;
    let mut hostile = client(&stack, HOSTILE).await;
    let mut other = company(&stack, &redis).await;
    stack.workers[0].freeze();
    let flood: Vec<Value> = (0..200)
        .map(|number| note(&format!("flood {number}")).sign())
        .collect();
    for event in &flood {
        hostile.send(json!(["EVENT", event])).await;
    }
    until("as many as may", async || {
        events_on_their_way(&stack, &redis).await >= 20
    })
    .await;
    let polite = note("polite").by("bob").sign();
    other.send(json!(["EVENT", polite])).await;
    until("the next is the other's", async || {
        events_on_their_way(&stack, &redis).await > 20
    })
    .await;
    assert_eq!(events_on_their_way(&stack, &redis).await, 21);
    stack.workers[0].thaw();
    assert!(other.ok_for(&polite).await.accepted);
    for event in &flood {
        assert!(hostile.ok_for(event).await.accepted);
    }
}

#[tokio::test]
async fn who_waits_to_send_events_still_hears_what_comes() {
    let stack = relay().set("PER_ADDRESS__EVENTS", 1).workers(2).start().await;
    let redis = TestRedis::connect().await;
    let mut hostile = client(&stack, HOSTILE).await;
    company(&stack, &redis).await;
    hostile.req("live", &[json!({"kinds": [20_001]})]).await;
    for worker in &stack.workers {
        worker.freeze();
    }
    for number in 0..5 {
        hostile
            .send(json!(["EVENT", note(&number.to_string()).sign()]))
            .await;
    }
    until("one is on its way", async || {
        waiting(&stack, &redis, "nostr:event").await == 1
    })
    .await;
    let channel = stack.key(&format!("events:{}:_:NOTICE", hostile.challenge));
    redis.order("PUBLISH", &[&channel, "are you there"]).await;
    assert_eq!(hostile.expect("NOTICE").await[1], "are you there");
    for worker in &stack.workers {
        worker.thaw();
    }
    for _ in 0..5 {
        assert_eq!(hostile.expect("OK").await[2], true);
    }
}

#[tokio::test]
async fn events_over_the_bound_of_the_queue_are_refused_at_once_and_redis_does_not_grow() {
    let stack = relay()
        .set("PER_ADDRESS__EVENTS", 100_000)
        .set("QUEUE__MAX_DEPTH", 3)
        .set("WEBSOCKET__EVENT_DEADLINE_S", 3_600)
        .start()
        .await;
    let redis = TestRedis::connect().await;
    let mut hostile = client(&stack, HOSTILE).await;
    stack.workers[0].freeze();
    let flood: Vec<Value> = (0..2_000)
        .map(|number| note(&format!("flood {number}")).sign())
        .collect();
    for event in &flood {
        hostile.send(json!(["EVENT", event])).await;
    }
    // Nobody works: what is answered is answered by relay-ws, and not because it is late.
    let refused = hostile.expect("OK").await;
    assert_eq!(refused[2], false, "{refused}");
    assert!(
        refused[3].as_str().unwrap().starts_with("rate-limited: "),
        "{refused}"
    );
    let marker = note("the last").sign();
    hostile.send(json!(["EVENT", marker])).await;
    let mut refused = 1;
    while hostile.expect("OK").await[1] != marker["id"] {
        refused += 1;
    }
    let accepted = flood.len() - refused;
    until("what was on its way is in the queue", async || {
        events_on_their_way(&stack, &redis).await == accepted
    })
    .await;
    let (jobs, bytes) = size(&stack, &redis, "nostr:event").await;
    // What was on its way when the queue became full makes some jobs more.
    assert!((3..flood.len() / 2).contains(&jobs), "{jobs} jobs");

    // From now on nothing is added, whatever comes.
    let more: Vec<Value> = (0..2_000)
        .map(|number| note(&format!("more {number}")).sign())
        .collect();
    for event in &more {
        hostile.send(json!(["EVENT", event])).await;
    }
    for event in &more {
        let refused = hostile.ok_for(event).await;
        assert!(refused.message.starts_with("rate-limited: "), "{refused:?}");
    }
    assert_eq!(size(&stack, &redis, "nostr:event").await, (jobs, bytes));

    stack.workers[0].thaw();
    for _ in 0..accepted {
        assert_eq!(hostile.expect("OK").await[2], true);
    }
    assert!(accepted > 0, "what was in the queue is stored");
    assert_eq!(hostile.count(&[json!({"kinds": [1]})]).await, accepted as u64);
}

/// Jobs in a queue, and the bytes that they take.
async fn size(stack: &Stack, redis: &TestRedis, queue: &str) -> (usize, usize) {
    let key = stack.key(&format!("queue:{queue}"));
    let bytes = redis.run("MEMORY", &["USAGE", &key, "SAMPLES", "0"]).await;
    (waiting(stack, redis, queue).await, bytes)
}

/// Everybody asks at once; how many were not refused. The NOTICE shows that a question has been read.
async fn asked(crowd: &mut [Client], question: &Value) -> usize {
    for client in crowd.iter_mut() {
        client.send(question).await;
        client.send("[]").await;
    }
    let mut asked = 0;
    for client in crowd {
        let answer = client.next().await;
        if answer[0] == "NOTICE" {
            asked += 1;
            continue;
        }
        assert!(answer[0] == "CLOSED" || answer[0] == "NEG-ERR", "{answer}");
        assert!(
            answer[2].as_str().unwrap().starts_with("rate-limited: "),
            "{answer}"
        );
        client.expect("NOTICE").await;
    }
    asked
}

#[tokio::test]
async fn questions_over_the_bound_of_a_queue_are_refused_at_once_whoever_asks() {
    const DEPTH: usize = 5;
    let stack = relay().set("QUEUE__MAX_DEPTH", DEPTH).start().await;
    let redis = TestRedis::connect().await;
    let addresses: Vec<String> = (0..200).map(|number| format!("203.0.113.{number}")).collect();
    let mut crowd = join_all(addresses.iter().map(|address| client(&stack, address))).await;
    stack.workers[0].freeze();
    for (queue, question) in [
        ("nostr:req", json!(["REQ", "r", {"kinds": [1]}])),
        ("nostr:search", json!(["REQ", "s", {"search": "word"}])),
        ("nostr:count", json!(["COUNT", "c", {"kinds": [1]}])),
        (
            "nostr:negentropy",
            json!(["NEG-OPEN", "n", {"kinds": [1]}, "6100000200"]),
        ),
    ] {
        let (first, second) = crowd.split_at_mut(100);
        let asked_first = asked(first, &question).await;
        // Some may have been on their way to Redis when the queue became full.
        assert!(
            (DEPTH..10 * DEPTH).contains(&asked_first),
            "{queue}: {asked_first}"
        );
        until(queue, async || {
            waiting(&stack, &redis, queue).await == asked_first
        })
        .await;
        let before = size(&stack, &redis, queue).await;
        assert_eq!(asked(second, &question).await, 0, "{queue}");
        assert_eq!(size(&stack, &redis, queue).await, before, "{queue}");
    }
    stack.workers[0].thaw();
    until("what was asked is answered", async || {
        waiting(&stack, &redis, "nostr:negentropy").await == 0
    })
    .await;
}

#[tokio::test]
async fn an_address_has_so_many_connections_and_others_come_in() {
    let stack = relay().set("PER_ADDRESS__CONNECTIONS", 5).start().await;
    let open = async || Client::open(&stack.url(), &[("x-forwarded-for", HOSTILE)]).await;
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(client(&stack, HOSTILE).await);
    }
    for _ in 0..20 {
        let close = open().await.closed().await;
        assert_eq!(u16::from(close.code), 3503, "{close:?}");
        assert_eq!(close.reason.as_str(), "too many connections from your address");
    }
    client(&stack, OTHER)
        .await
        .accepted(&note("from elsewhere").sign())
        .await;

    held.pop().unwrap().leave().await;
    until("the place is free again", async || {
        open().await.is_welcome().await
    })
    .await;

    let redis = TestRedis::connect().await;
    redis.order("SADD", &[&stack.key("unlimited_ips"), HOSTILE]).await;
    let mut many = Vec::new();
    until("it is unlimited", async || {
        let mut next = open().await;
        let is_welcome = next.is_welcome().await;
        many.push(next);
        is_welcome && many.len() > 10
    })
    .await;
}

async fn raw(stack: &Stack) -> TcpStream {
    let mut stream = TcpStream::connect(stack.address()).await.unwrap();
    let request = "GET / HTTP/1.1\r\nHost: relay\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// A short text frame. A mask of zeros is a mask.
fn frame(text: impl Display) -> Vec<u8> {
    let text = text.to_string();
    let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
    frame.extend_from_slice(text.as_bytes());
    frame
}

#[tokio::test]
async fn who_opens_and_closes_leaves_nothing_behind() {
    let stack = Stack::start().await;
    let redis = TestRedis::connect().await;
    for number in 0..300 {
        let mut stream = raw(&stack).await;
        let subscription = frame(json!(["REQ", format!("s{number}"), {"kinds": [1]}]));
        match number % 6 {
            // Gone in the middle of the handshake, of a frame, of a question, of its answer.
            0 => {}
            1 => stream.write_all(&subscription[..20]).await.unwrap(),
            2 => stream.write_all(&subscription).await.unwrap(),
            3 => {
                stream.write_all(&subscription).await.unwrap();
                stream.read_u8().await.unwrap();
            }
            4 => stream.write_all(&frame(json!(["COUNT", "c", {}]))).await.unwrap(),
            _ => {
                stream
                    .write_all(&[0x01, 0xfe, 0xff, 0xff, 0, 0, 0, 0, b'['])
                    .await
                    .unwrap();
                stream.set_zero_linger().unwrap();
            }
        }
    }
    for name in ["relay_connections", "relay_subscriptions", "relay_live_filters"] {
        until(name, async || gauge(&stack, name).await == Some(0.0)).await;
    }
    until("no key of a connection is left", async || {
        let mut left = Vec::new();
        for pattern in [
            "subscriptions:*",
            "client_reqs:*",
            "connections*",
            "requests",
            "*_traffic",
            "auth*",
        ] {
            let keys: Vec<String> = redis.run("KEYS", &[&stack.key(pattern)]).await;
            left.extend(keys);
        }
        left.is_empty()
    })
    .await;
    for queue in ["nostr:req", "nostr:count"] {
        until(queue, async || waiting(&stack, &redis, queue).await == 0).await;
    }
    stack
        .client()
        .await
        .accepted(&note("as if nothing had been").sign())
        .await;
}

#[tokio::test]
async fn who_reads_byte_by_byte_is_closed_when_his_outbox_is_full() {
    let stack = Stack::builder()
        .set("WEBSOCKET__OUTBOX_BYTES", 1_000_000)
        .start()
        .await;
    let mut slow = raw(&stack).await;
    slow.write_all(&frame(json!(["REQ", "s", {"kinds": [1]}])))
        .await
        .unwrap();
    let (mut quick, mut writer) = (stack.client().await, stack.client().await);
    quick.req("q", &[json!({"kinds": [1]})]).await;
    until("both listen", async || {
        gauge(&stack, "relay_subscriptions").await == Some(2.0)
    })
    .await;
    let big = "x".repeat(200_000);
    for number in 0..60 {
        let event = note(&format!("{number}{big}")).sign();
        writer.accepted(&event).await;
        assert_eq!(quick.live("q").await["id"], event["id"]);
        slow.read_u8().await.unwrap();
    }
    until("only the slow one is gone", async || {
        gauge(&stack, "relay_connections").await == Some(2.0)
    })
    .await;
    let mut rest = Vec::new();
    // A reset is an end, too.
    let end = tokio::time::timeout(PATIENCE, slow.read_to_end(&mut rest)).await;
    let _reset = end.expect("the connection ended");
    assert!(rest.len() < 60 * big.len(), "it did not get everything");
}

#[tokio::test]
async fn a_thousand_matching_subscriptions_get_each_event_once() {
    let stack = Stack::builder()
        .set("LIMITS__MAX_SUBSCRIPTIONS", 1_000)
        .start()
        .await;
    let (mut hostile, mut other) = (stack.client().await, stack.client().await);
    other.req("other", &[json!({"kinds": [1]})]).await;
    for number in 0..1_001 {
        hostile
            .start(&number.to_string(), &[json!({"kinds": [1], "limit": 0})])
            .await;
    }
    for _ in 0..1_000 {
        hostile.expect("EOSE").await;
    }
    let closed = hostile.expect("CLOSED").await;
    assert!(
        closed[2].as_str().unwrap().starts_with("rate-limited: "),
        "{closed}"
    );
    let mut writer = stack.client().await;
    let events: Vec<Value> = (0..3).map(|number| note(&number.to_string()).sign()).collect();
    for event in &events {
        writer.accepted(event).await;
        assert_eq!(other.live("other").await, *event);
    }
    let mut heard = std::collections::BTreeMap::<String, Vec<Value>>::new();
    for _ in 0..3_000 {
        let mut message = hostile.expect("EVENT").await;
        let id = message[1].as_str().unwrap().to_owned();
        heard.entry(id).or_default().push(message[2].take());
    }
    assert_eq!(heard.len(), 1_000);
    for (id, got) in heard {
        assert_eq!(got, events, "{id}");
    }
    hostile.send("[]").await;
    assert_eq!(hostile.next().await[0], "NOTICE", "no event comes once more");
}

/// Filters that cost as much as a message can ask for.
fn costly() -> Vec<Vec<Value>> {
    let authors = |count: usize, salt: usize| -> Vec<String> {
        (0..count)
            .map(|number| format!("{:064x}", 1_000_000 * salt + number))
            .collect()
    };
    let alice = Keys::of("alice").pubkey();
    vec![
        (0..20)
            .map(|salt| json!({"authors": authors(370, salt), "since": 0}))
            .collect(),
        (0..7)
            .map(|salt| json!({"authors": authors(1_000, salt), "since": 0, "#t": ["hot"]}))
            .collect(),
        vec![json!({"#p": authors(5_000, 1)})],
        vec![json!({"#t": ["hot"], "#p": [alice], "kinds": (0..2_000).collect::<Vec<_>>()})],
        (0..20).map(|_| json!({})).collect(),
        vec![json!({"search": "the"}), json!({"search": "m:prefix t"})],
    ]
}

/// 20 filters with 1,000 authors each, since ever. In each, some of the authors have written something.
fn literal() -> Vec<Value> {
    let known: Vec<String> = (0..AUTHORS)
        .map(|author| Keys::of(&author.to_string()).pubkey())
        .collect();
    let filter = |number: usize| {
        let others = (0..1_000 - AUTHORS).map(|other| format!("{:064x}", 1_000_000 * number + other));
        let authors: Vec<String> = known.iter().cloned().chain(others).collect();
        json!({"authors": authors, "since": 0})
    };
    (0..20).map(filter).collect()
}

const AUTHORS: usize = 50;
const STORED: usize = 3_000;

#[tokio::test]
async fn twenty_filters_of_a_thousand_authors_are_too_long_or_answered() {
    let stack = relay().start().await;
    let mut hostile = client(&stack, HOSTILE).await;
    let of_twice_the_length = &literal()[..14];
    hostile.start("long", of_twice_the_length).await;
    let notice = hostile.expect("NOTICE").await;
    assert!(notice[1].as_str().unwrap().starts_with("invalid: "), "{notice}");
    let mut longer = vec![json!("REQ"), json!("longer")];
    longer.extend(literal());
    hostile.offer(Value::Array(longer)).await;
    // By 1009, or by a reset: it is not read to its end.
    assert!(hostile.ends().await);

    for window_bytes in [0, 134_217_728] {
        let stack = relay()
            .set("WORKER__WINDOW_BYTES", window_bytes)
            .set("LIMITS__MAX_MESSAGE_LENGTH", 2_000_000)
            .set("PER_ADDRESS__WORK_PERCENT", 100)
            .start()
            .await;
        let mut other = client(&stack, OTHER).await;
        let stored: Vec<Value> = (0..STORED)
            .map(|number| {
                let author = (number % AUTHORS).to_string();
                note(&number.to_string())
                    .by(&author)
                    .at(1_000 + number as u64)
                    .sign()
            })
            .collect();
        nip77::publish(&mut other, &stored).await;
        let mut hostile = client(&stack, HOSTILE).await;
        for number in 0..3 {
            hostile.start(&format!("r{number}"), &literal()).await;
            let mut count = vec![json!("COUNT"), json!(format!("c{number}"))];
            count.extend(literal());
            hostile.send(Value::Array(count)).await;
        }
        let newest = json!({"kinds": [1], "limit": 10});
        let last: Vec<Value> = stored.iter().rev().take(10).cloned().collect();
        assert_eq!(other.req("mine", &[newest]).await, last);
        answers_the_literal(&mut hostile, &stored).await;
    }
}

/// Each REQ and each COUNT has its end; what is answered is answered rightly.
async fn answers_the_literal(hostile: &mut Client, stored: &[Value]) {
    let mut found = std::collections::BTreeMap::<String, Vec<Value>>::new();
    let mut left = 6;
    while left > 0 {
        let mut message = hostile.next().await;
        let id = message[1].as_str().unwrap().to_owned();
        match message[0].as_str().unwrap() {
            "EVENT" => {
                found.entry(id).or_default().push(message[2].take());
                continue;
            }
            "EOSE" => {
                let found = &found[&id];
                assert!(!found.is_empty() && found.iter().eq(stored.iter().rev().take(found.len())));
            }
            "COUNT" => assert_eq!(message[2]["count"], stored.len()),
            _ => assert!(message[2].as_str().unwrap().starts_with("error: "), "{message}"),
        }
        left -= 1;
    }
}

#[tokio::test]
async fn the_costliest_filters_come_to_an_end() {
    for window_bytes in [0, 134_217_728] {
        let stack = relay()
            .set("WORKER__WINDOW_BYTES", window_bytes)
            // Nobody waits for his share here.
            .set("PER_ADDRESS__WORK_PERCENT", 100)
            .start()
            .await;
        let mut other = client(&stack, OTHER).await;
        for number in 0..50 {
            let event = event(1).tag(["t", "hot"]).tag(["p", &Keys::of("alice").pubkey()]);
            other
                .accepted(&event.content(&format!("the {number}")).sign())
                .await;
        }
        let mut hostile = client(&stack, HOSTILE).await;
        let costly = costly();
        for round in 0..5 {
            for (number, filters) in costly.iter().enumerate() {
                hostile.start(&format!("r{round}-{number}"), filters).await;
                let mut count = vec![json!("COUNT"), json!(format!("c{round}-{number}"))];
                count.extend_from_slice(filters);
                hostile.send(Value::Array(count)).await;
            }
        }
        assert_eq!(
            other
                .req("mine", &[json!({"#t": ["hot"], "limit": 10})])
                .await
                .len(),
            10
        );
        let mut left = 2 * 5 * costly.len();
        while left > 0 {
            let message = hostile.next().await;
            let is_end = match message[0].as_str().unwrap() {
                "EVENT" => false,
                "CLOSED" => {
                    let reason = message[2].as_str().unwrap();
                    assert!(reason.starts_with("error: "), "{message}");
                    true
                }
                _ => true,
            };
            left -= usize::from(is_end);
        }
    }
}
