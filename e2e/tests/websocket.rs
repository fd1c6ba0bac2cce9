//! The websocket itself: compression, fragments, pings, silence, slow readers, proxies.

use std::time::Duration;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use fred::{
    interfaces::{ClientLike, HashesInterface},
    prelude::{Builder, Config},
};
use serde_json::{Value, json};
use testkit::{Client, Stack, note, redis_url};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// A websocket by hand, for what client libraries do not let one do.
struct Raw(TcpStream);

impl Raw {
    async fn open(stack: &Stack, extensions: &str) -> (Self, String) {
        let mut stream = TcpStream::connect(stack.address()).await.unwrap();
        let request = format!(
            "GET / HTTP/1.1\r\nHost: relay\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{extensions}\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        (Self(stream), String::from_utf8(head).unwrap().to_lowercase())
    }

    /// First byte and payload of the next frame.
    async fn frame(&mut self) -> (u8, Vec<u8>) {
        let reading = async {
            let first = self.0.read_u8().await.unwrap();
            let length = match self.0.read_u8().await.unwrap() {
                126 => usize::from(self.0.read_u16().await.unwrap()),
                127 => usize::try_from(self.0.read_u64().await.unwrap()).unwrap(),
                short => usize::from(short),
            };
            let mut payload = vec![0; length];
            self.0.read_exact(&mut payload).await.unwrap();
            (first, payload)
        };
        tokio::time::timeout(PATIENCE, reading).await.unwrap()
    }

    /// Sends the head of a frame of so many bytes, and some of them.
    async fn begin(&mut self, first: u8, length: usize, payload: &[u8]) {
        let mut frame = vec![first, 0xff];
        frame.extend_from_slice(&(length as u64).to_be_bytes());
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(payload);
        // The relay may have had enough before all of it was sent.
        let _sent = self.0.write_all(&frame).await;
    }

    /// The close code with which the relay ends it; none if it ends without.
    async fn close_code(mut self) -> Option<u16> {
        loop {
            let first = self.0.read_u8().await.ok()?;
            let length = self.0.read_u8().await.ok()?;
            assert!(length < 127, "nothing long is said");
            let length = if length == 126 {
                self.0.read_u16().await.ok()?
            } else {
                u16::from(length)
            };
            let mut payload = vec![0; length.into()];
            self.0.read_exact(&mut payload).await.ok()?;
            match first {
                0x88 => return Some(u16::from_be_bytes([payload[0], payload[1]])),
                0x89 => self.send(0x8a, &payload).await,
                _ => {}
            }
        }
    }

    /// Sends a short frame. A mask of zeros is a mask.
    async fn send(&mut self, first: u8, payload: &[u8]) {
        let mut frame = vec![first, 0x80 | u8::try_from(payload.len()).unwrap(), 0, 0, 0, 0];
        frame.extend_from_slice(payload);
        self.0.write_all(&frame).await.unwrap();
    }
}

fn inflated(payload: &[u8]) -> Value {
    let mut text = Vec::with_capacity(65_536);
    let mut data = payload.to_vec();
    data.extend([0, 0, 0xff, 0xff]);
    Decompress::new(false)
        .decompress_vec(&data, &mut text, FlushDecompress::Sync)
        .unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn deflated(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(65_536);
    Compress::new(Compression::fast(), false)
        .compress_vec(text.as_bytes(), &mut out, FlushCompress::Sync)
        .unwrap();
    out.truncate(out.len() - 4);
    out
}

#[tokio::test]
async fn messages_are_compressed_for_clients_that_offer_it() {
    let stack = Stack::start().await;
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    let (mut socket, head) = Raw::open(&stack, offer).await;
    assert!(
        head.contains("permessage-deflate") && head.contains("server_no_context_takeover"),
        "{head}"
    );
    let mut read = async || {
        let (first, payload) = socket.frame().await;
        assert_eq!(first & 0x0f, 1, "a text frame");
        (
            if first & 0x40 == 0 {
                serde_json::from_slice(&payload).unwrap()
            } else {
                inflated(&payload)
            },
            first & 0x40 != 0,
        )
    };
    assert_eq!(read().await.0[0], "AUTH");
    let mut other = stack.client().await;
    let event = note(&"long and repetitive ".repeat(100)).sign();
    other.accepted(&event).await;
    socket.send(0xc1, &deflated(r#"["REQ","s",{"limit":1}]"#)).await;
    let mut read = async || {
        let (first, payload) = socket.frame().await;
        (
            if first & 0x40 == 0 {
                serde_json::from_slice(&payload).unwrap()
            } else {
                inflated(&payload)
            },
            first & 0x40 != 0,
        )
    };
    let (message, compressed) = read().await;
    assert_eq!(message, json!(["EVENT", "s", event]));
    assert!(compressed, "a long message is worth it");
    assert_eq!(read().await.0[0], "EOSE");
}

#[tokio::test]
async fn fragments_make_a_message_and_pings_are_answered_between_them() {
    let stack = Stack::start().await;
    let (mut socket, _) = Raw::open(&stack, "").await;
    assert_eq!(socket.frame().await.0, 0x81, "the challenge");
    socket.send(0x01, b"[\"REQ\",").await;
    socket.send(0x89, b"are you there").await;
    socket.send(0x00, b"\"s\",{\"ki").await;
    socket.send(0x80, b"nds\":[1]}]").await;
    assert_eq!(socket.frame().await, (0x8a, b"are you there".to_vec()));
    assert_eq!(
        socket.frame().await,
        (0x81, br#"["EOSE","s",["finish"]]"#.to_vec())
    );
}

#[tokio::test]
async fn text_that_is_not_utf8_gets_a_notice() {
    let stack = Stack::start().await;
    let (mut socket, _) = Raw::open(&stack, "").await;
    socket.frame().await;
    socket.send(0x81, b"[\"CLOSE\",\"\xff\"]").await;
    assert_eq!(
        socket.frame().await,
        (0x81, br#"["NOTICE","invalid: message is not UTF-8"]"#.to_vec())
    );
    socket.send(0x81, br#"["REQ","s",{}]"#).await;
    assert_eq!(socket.frame().await.0, 0x81);
}

#[tokio::test]
async fn who_is_silent_is_pinged_and_then_closed() {
    let stack = Stack::builder()
        .set("WEBSOCKET__PING_INTERVAL_S", 1)
        .set("WEBSOCKET__IDLE_TIMEOUT_S", 3)
        .start()
        .await;
    let (mut socket, _) = Raw::open(&stack, "").await;
    socket.frame().await;
    assert_eq!(socket.frame().await.0, 0x89, "a ping");
    socket.send(0x8a, b"").await;
    assert_eq!(
        socket.frame().await.0,
        0x89,
        "a pong is a sign of life: pinged again"
    );
    let (first, payload) = socket.frame().await;
    assert_eq!(
        (first, u16::from_be_bytes([payload[0], payload[1]])),
        (0x88, 3408)
    );
}

#[tokio::test]
async fn a_reader_that_does_not_read_is_closed_and_others_do_not_notice() {
    let stack = Stack::builder()
        .set("WEBSOCKET__OUTBOX_BYTES", 1_000_000)
        .start()
        .await;
    let (mut slow, mut quick) = (stack.client().await, stack.client().await);
    let mut writer = stack.client().await;
    slow.req("s", &[json!({"kinds": [1]})]).await;
    quick.req("q", &[json!({"kinds": [1]})]).await;
    let big = "x".repeat(200_000);
    for n in 0..60 {
        let event = note(&format!("{n}{big}")).sign();
        writer.accepted(&event).await;
        assert_eq!(quick.live("q").await["id"], event["id"]);
    }
    // What fitted into the socket's own buffers comes; then the connection ends.
    assert!(slow.ends().await);
}

#[tokio::test]
async fn a_far_too_long_message_ends_the_connection() {
    let stack = Stack::builder()
        .set("LIMITS__MAX_MESSAGE_LENGTH", 4096)
        .start()
        .await;
    let mut client = stack.client().await;
    client.send("x".repeat(5000)).await;
    assert_eq!(client.next().await[0], "NOTICE");
    client.send("x".repeat(200_000)).await;
    assert!(client.ends().await);
}

#[tokio::test]
async fn endless_nonsense_is_closed() {
    let stack = Stack::builder()
        .set("RATE_LIMITS__INVALID_MESSAGES", 5)
        .start()
        .await;
    let mut client = stack.client().await;
    for _ in 0..6 {
        client.send("nonsense").await;
    }
    assert_eq!(u16::from(client.closed().await.code), 4002);
}

#[tokio::test]
async fn addresses_come_from_trusted_proxies_only() {
    let redis = Builder::from_config(Config::from_url(&redis_url()).unwrap())
        .build()
        .unwrap();
    redis.init().await.unwrap();
    for (trusted, expected) in [("[]", "127.0.0.1"), (r#"["127.0.0.1/32"]"#, "198.51.100.7")] {
        let stack = Stack::builder()
            .set("WEBSOCKET__TRUSTED_PROXIES", trusted)
            .start()
            .await;
        let client =
            Client::connect_with(&stack.url(), &[("x-forwarded-for", "1.1.1.1, 198.51.100.7")]).await;
        let seen = async {
            loop {
                let address: Option<String> = redis
                    .hget(stack.key("connections_ips"), &client.challenge)
                    .await
                    .unwrap();
                if let Some(address) = address {
                    return address;
                }
                tokio::task::yield_now().await;
            }
        };
        assert_eq!(tokio::time::timeout(PATIENCE, seen).await.unwrap(), expected);
    }
}

/// Fragments without an end, and frames whose second half does not come.
#[tokio::test]
async fn halves_of_messages_are_bounded_for_an_address_and_others_do_not_notice() {
    const HALF: usize = 500_000;
    const MOST: usize = 4_000_000;
    let stack = Stack::builder()
        .set("WEBSOCKET__TRUSTED_PROXIES", r#"["127.0.0.1/32"]"#)
        .set("PER_ADDRESS__UNFINISHED_BYTES", MOST)
        .start()
        .await;
    let before = stack.relays[0].peak_memory();
    let mut ends = JoinSet::new();
    for number in 0..80 {
        let (mut socket, _) = Raw::open(&stack, "X-Forwarded-For: 198.51.100.66\r\n").await;
        let (first, length) = if number % 2 == 0 {
            (0x01, HALF)
        } else {
            (0x81, 2 * HALF)
        };
        ends.spawn(async move {
            socket.begin(first, length, &vec![b'['; HALF]).await;
            socket.close_code().await
        });
    }
    let ending = async {
        let mut codes = Vec::new();
        while codes.len() < 80 - MOST / HALF {
            codes.push(ends.join_next().await.unwrap().unwrap());
        }
        codes
    };
    let codes = tokio::time::timeout(PATIENCE, ending)
        .await
        .expect("what is too much ends");
    assert!(
        codes.contains(&Some(4001)) && codes.iter().flatten().all(|code| *code == 4001),
        "{codes:?}"
    );
    let grown = stack.relays[0].peak_memory() - before;
    assert!(
        grown < 25_000_000,
        "{grown} bytes more for {} bytes of halves",
        80 * HALF
    );
    let mut other = stack.client().await;
    other.accepted(&note(&"a".repeat(60_000)).sign()).await;
}

#[tokio::test]
async fn a_message_that_never_ends_ends_its_connection_pongs_or_not() {
    let stack = Stack::builder()
        .set("WEBSOCKET__PING_INTERVAL_S", 1)
        .set("WEBSOCKET__IDLE_TIMEOUT_S", 3)
        .start()
        .await;
    let (mut fragments, _) = Raw::open(&stack, "").await;
    let (mut drips, _) = Raw::open(&stack, "").await;
    fragments.send(0x01, b"[\"REQ\",").await;
    drips.begin(0x81, 1_000, b"[\"REQ\",").await;
    let (dripping, mut drop_by_drop) = drips.0.into_split();
    let drops = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(50));
        while drop_by_drop.write_all(b" ").await.is_ok() {
            ticks.tick().await;
        }
    });
    let closed = tokio::time::timeout(PATIENCE, fragments.close_code()).await;
    assert_eq!(closed.expect("it ends"), Some(3408));
    let mut read = dripping;
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, read.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "it ends");
    let code = 3408_u16.to_be_bytes();
    let says_so = |four: &[u8]| four[0] == 0x88 && four[2..] == code;
    assert!(rest.windows(4).any(says_so), "{rest:?}");
    drops.abort();
}

#[tokio::test]
async fn half_a_handshake_is_not_waited_for() {
    let stack = Stack::builder()
        .set("WEBSOCKET__HANDSHAKE_TIMEOUT_S", 1)
        .start()
        .await;
    let mut stream = TcpStream::connect(stack.address()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: rel").await.unwrap();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "it ends");
}

/// Who finds no room in the system's queue tries again after a second, or later.
#[tokio::test]
async fn a_crowd_finds_room_at_the_door() {
    let stack = Stack::start().await;
    stack.relays[0].freeze();
    let mut crowd: Vec<TcpStream> = Vec::new();
    for _ in 0..2_000 {
        let coming = TcpStream::connect(stack.address());
        let came = tokio::time::timeout(PATIENCE, coming).await;
        crowd.push(came.expect("there is room").unwrap());
    }
    stack.relays[0].thaw();
    drop(crowd);
    stack.client().await.accepted(&note("the last").sign()).await;
}
