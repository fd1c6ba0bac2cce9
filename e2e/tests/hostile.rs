//! What somebody sends who means harm: it is answered or cut off, costs little memory, and nobody else notices.

use std::time::{Duration, Instant};

use flate2::{Compress, Compression, FlushCompress};
use fred::{
    interfaces::{ClientLike, KeysInterface},
    prelude::{Builder, Config, Key},
};
use futures::TryStreamExt;
use serde_json::{Value, json};
use testkit::{Client, Stack, event, note, redis_url};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// What a process may grow by, whatever comes: a few messages of the largest size, parsed.
const MEMORY: u64 = 96 << 20;

/// Somebody who goes on publishing and reading until he is asked how long it took at worst.
struct Bystander {
    stop: tokio::sync::oneshot::Sender<()>,
    task: JoinHandle<Duration>,
}

impl Bystander {
    async fn start(stack: &Stack) -> Self {
        let (mut reader, mut writer) = (stack.client().await, stack.client().await);
        reader.req("bystander", &[json!({"kinds": [11]})]).await;
        let (stop, mut stopped) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(async move {
            let mut worst = Duration::ZERO;
            for number in 0.. {
                let began = Instant::now();
                let event = event(11).by("bystander").content(&number.to_string()).sign();
                writer.accepted(&event).await;
                assert_eq!(reader.live("bystander").await["id"], event["id"]);
                worst = worst.max(began.elapsed());
                if stopped.try_recv().is_ok() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            worst
        });
        Self { stop, task }
    }

    /// He heard everything, and waited for nothing longer than a machine with other work makes one wait.
    async fn ends_well(self) {
        self.stop.send(()).unwrap();
        let worst = self.task.await.expect("everything was answered");
        assert!(worst < Duration::from_secs(10), "{worst:?}");
    }
}

/// Peak memory of every process, to be compared.
fn peaks(stack: &Stack) -> Vec<u64> {
    stack
        .relays
        .iter()
        .chain(&stack.workers)
        .map(testkit::Process::peak_memory)
        .collect()
}

fn have_not_grown(stack: &Stack, before: &[u64]) {
    for (before, after) in before.iter().zip(peaks(stack)) {
        assert!(after < before + MEMORY, "from {before} to {after} bytes");
    }
}

/// Nothing that a stranger does is an error of ours.
fn logged_no_error(stack: &Stack) {
    for process in stack.relays.iter().chain(&stack.workers) {
        let log = process.log();
        let bad: Vec<&str> = log
            .lines()
            .filter(|line| line.contains(" ERROR ") || line.contains("panicked"))
            .collect();
        assert!(bad.is_empty(), "{bad:?}");
    }
}

/// The answer is a refusal for this reason.
async fn refused(client: &mut Client, text: &str) {
    client.send(text).await;
    let answer = client.next().await;
    let reason = answer.as_array().unwrap().last().unwrap().as_str().unwrap();
    let shown: String = text.chars().take(100).collect();
    assert!(
        ["invalid: ", "unsupported: "]
            .iter()
            .any(|prefix| reason.starts_with(prefix)),
        "{shown}: {answer}"
    );
    assert!(answer.to_string().len() < 9_000, "{shown}");
}

#[tokio::test]
async fn json_bombs_are_refused() {
    let stack = Stack::start().await;
    let bystander = Bystander::start(&stack).await;
    let mut client = stack.client().await;
    let most = 524_288;
    let good = note("good").sign().to_string();
    let with = |key: &str, value: &str| {
        let mut event = note("x").sign();
        event.as_object_mut().unwrap().remove(key);
        let rest = event.to_string();
        format!(r#"["EVENT",{{"{key}":{value},{}]"#, &rest[1..])
    };
    let many = |item: &str| {
        let count = (most - 2_000) / (item.len() + 1);
        format!("[{}]", vec![item; count].join(","))
    };
    let before = peaks(&stack);
    for text in [
        "[".repeat(most),
        "{\"a\":".repeat(most / 5),
        format!("[\"REQ\",\"s\",{}", "[".repeat(400_000)),
        format!("[\"EVENT\",{}", "{\"tags\":[".repeat(40_000)),
        with("tags", &format!("[[{}", "[".repeat(300_000))),
        with("tags", &many("[]")),
        with("tags", &many(r#"["t","x"]"#)),
        with("tags", &format!("[{}]", many(r#""x""#))),
        with("tags", &many("1")),
        with("created_at", &"9".repeat(400_000)),
        with("created_at", "1e308"),
        with("created_at", &format!("1e{}", "9".repeat(1_000))),
        with("kind", "-0"),
        with("kind", "18446744073709551617"),
        with("content", r#""\ud800""#),
        with("content", r#""\udfff\ud800""#),
        with("content", "\"\u{1}\""),
        with("tags", r#"[["t","\ud83d"]]"#),
        good.replacen('{', r#"["EVENT",{"id":"x","#, 1) + "]",
        good.replacen('{', r#"["EVENT",{"content":"first","#, 1) + "]",
        r#"["REQ","s",{"ids":[],"ids":[]}]"#.to_owned(),
        r##"["REQ","s",{"#t":["a"],"#t":["b"]}]"##.to_owned(),
        r#"["REQ","s",{"search":"a","search":"b"}]"#.to_owned(),
        r#"["REQ","\ud800",{}]"#.to_owned(),
        format!(r#"["REQ","{}",{{}}]"#, "x".repeat(500_000)),
        format!(r#"["REQ","s",{{"{}":1}}]"#, "k".repeat(500_000)),
        format!(r#"["REQ","s",{{"kinds":{}}}]"#, many("1.0")),
        format!(r#"["REQ","s",{{"search":"{}"}}]"#, "x ".repeat(250_000)),
        format!(r#"["REQ","s",{{"search":"m:manual {}"}}]"#, "(".repeat(2_000)),
        format!(r#"["REQ","s",{}]"#, vec!["{}"; 170_000].join(",")),
        format!(r#"["{}"]"#, "E".repeat(500_000)),
        format!(r#"["CLOSE","{}"]"#, "\\u0000".repeat(80_000)),
    ] {
        refused(&mut client, &text).await;
    }
    have_not_grown(&stack, &before);
    client.accepted(&serde_json::from_str(&good).unwrap()).await;
    bystander.ends_well().await;
    logged_no_error(&stack);
}

/// Zeros that were compressed, as a deflate stream without its last four bytes: a piece whose window is reset, again and again.
fn zeros(megabytes: usize) -> Vec<u8> {
    let mut piece = Vec::with_capacity(65_536);
    Compress::new(Compression::best(), false)
        .compress_vec(&vec![0; 1 << 20], &mut piece, FlushCompress::Full)
        .unwrap();
    let mut stream = piece.repeat(megabytes);
    stream.truncate(stream.len() - 4);
    stream
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first, 0xff];
    frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// A websocket with compression, opened by hand.
async fn compressed(stack: &Stack) -> TcpStream {
    let mut stream = TcpStream::connect(stack.address()).await.unwrap();
    let request = "GET / HTTP/1.1\r\nHost: relay\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    stream
}

#[tokio::test]
async fn compressed_bombs_end_the_connection_before_they_are_unpacked() {
    let stack = Stack::start().await;
    let bystander = Bystander::start(&stack).await;
    let before = peaks(&stack);
    let (gigabyte, half) = (zeros(1024), zeros(512));
    let quarters: Vec<u8> = half
        .chunks(half.len() / 8)
        .enumerate()
        .flat_map(|(number, part)| frame(if number == 0 { 0x41 } else { 0x00 }, part))
        .collect();
    for bytes in [frame(0xc1, &gigabyte), frame(0xc1, &half), quarters] {
        let mut stream = compressed(&stack).await;
        // It may be cut off while it still sends.
        let _cut = stream.write_all(&bytes).await;
        let ended = async {
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.map(drop)
        };
        let _reset = tokio::time::timeout(PATIENCE, ended)
            .await
            .expect("the relay ends it");
    }
    have_not_grown(&stack, &before);
    bystander.ends_well().await;
    logged_no_error(&stack);
}

/// Signs that mean something to Redis, to SQL, to a shell, or to a log.
pub const NASTY: [&str; 16] = [
    "a:b",
    ":",
    "_",
    "*",
    "?",
    "[a-z]",
    "a\nb",
    "\r\nDEL connections\r\n",
    "x:FOUND_END",
    "'; DROP TABLE events; --",
    "\" OR 1=1",
    "$1::text",
    "\\",
    "%_",
    "\u{0}\u{1b}[31m",
    "${jndi:ldap://x}",
];

#[tokio::test]
async fn subscription_ids_are_names_and_nothing_else() {
    let stack = Stack::start().await;
    let (mut writer, mut other) = (stack.client().await, stack.client().await);
    let stored = note("stored").sign();
    writer.accepted(&stored).await;
    let mut client = stack.client().await;
    for id in NASTY {
        assert!(
            other.req(id, &[json!({"kinds": [99]})]).await.is_empty(),
            "{id:?}"
        );
        let found = client.req(id, &[json!({"kinds": [1]})]).await;
        assert_eq!(found, [&stored].map(Clone::clone), "{id:?}");
    }
    let live = note("live").sign();
    writer.accepted(&live).await;
    let mut heard = Vec::new();
    for _ in NASTY {
        let message = client.expect("EVENT").await;
        assert_eq!(message[2], live);
        heard.push(message[1].as_str().unwrap().to_owned());
    }
    heard.sort_unstable();
    let mut expected = NASTY.map(str::to_owned);
    expected.sort_unstable();
    assert_eq!(heard, expected, "each once");
    for id in NASTY {
        client.send(json!(["COUNT", id, {"kinds": [1]}])).await;
        let count = client.expect("COUNT").await;
        assert_eq!((&count[1], &count[2]["count"]), (&json!(id), &json!(2)));
        client.send(json!(["CLOSE", id])).await;
    }
    writer.accepted(&note("nobody hears").sign()).await;
    assert!(
        client.req("end", &[json!({"kinds": [99]})]).await.is_empty(),
        "all are closed"
    );
    client.leave().await;
    other.leave().await;
    writer.leave().await;
    nothing_is_left_in_redis(&stack).await;
    logged_no_error(&stack);
}

/// No key of a connection that has ended, whatever its subscriptions were called.
async fn nothing_is_left_in_redis(stack: &Stack) {
    let redis = Builder::from_config(Config::from_url(&redis_url()).unwrap())
        .build()
        .unwrap();
    redis.init().await.unwrap();
    let left = async || {
        let mut left = Vec::new();
        for pattern in ["subscriptions:*", "client_reqs:*"] {
            let keys: Vec<Key> = redis
                .scan_buffered(stack.key(pattern), Some(500), None)
                .try_collect()
                .await
                .unwrap();
            left.extend(keys);
        }
        left
    };
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left = left().await;
        if left.is_empty() {
            break;
        }
        assert!(Instant::now() < deadline, "{left:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let exists: i64 = redis.exists(stack.key("connections")).await.unwrap();
    assert_eq!(exists, 0, "nobody is connected");
}

#[tokio::test]
async fn values_and_searches_are_data_and_nothing_else() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    for value in NASTY {
        let tagged = event(1)
            .tag(["t", value])
            .tag([value, "x"])
            .content(&format!("{value} searchme"))
            .sign();
        client.accepted(&tagged).await;
        let found = client.req("s", &[json!({"#t": [value]})]).await;
        assert_eq!(found, [tagged], "{value:?}");
        client.send(json!(["COUNT", "c", {"#t": [value]}])).await;
        assert_eq!(client.expect("COUNT").await[2]["count"], 1, "{value:?}");
    }
    for value in NASTY {
        for mode in ["", "m:plain ", "m:phrase ", "m:prefix ", "\"", "m:manual '"] {
            let quote = if mode.ends_with('\'') { "'" } else { "" };
            let search = format!("{mode}{value}{quote}");
            client.start("s", &[json!({"search": search})]).await;
            let answer = loop {
                let message = client.next().await;
                if message[0] != "EVENT" {
                    break message;
                }
            };
            let is_invalid = answer[0] == "CLOSED" && answer[2].as_str().unwrap().starts_with("invalid: ");
            assert!(answer[0] == "EOSE" || is_invalid, "{search:?}: {answer}");
        }
        for key in [format!("#{value}"), format!("#t{value}"), value.to_owned()] {
            client.send(json!(["REQ", "s", {key.clone(): ["x"]}])).await;
            let closed = client.expect("CLOSED").await;
            let reason = closed[2].as_str().unwrap();
            assert!(reason.starts_with("unsupported: "), "{key:?}: {closed}");
        }
    }
    let mut database = stack.database.connect().await;
    let events: i64 = sqlx::query_scalar("SELECT count(*) FROM events")
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert_eq!(events, NASTY.len() as i64);
    let all: Vec<Value> = client.req("all", &[json!({"kinds": [1]})]).await;
    assert_eq!(all.len(), NASTY.len());
    logged_no_error(&stack);
}
