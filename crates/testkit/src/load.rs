//! Clients that write and listen while things break, and notice everything.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, sync::watch, task::JoinHandle, time::sleep};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use crate::{Client, Keys, Stack, events::note};

/// Events in flight: enough that a fault hits some of them.
const WINDOW: usize = 16;
/// Longest wait for the relay to be itself again.
const PATIENCE: Duration = Duration::from_secs(30);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A writer and a listener of its notes. Both come back when their connection ends.
pub struct Load {
    progress: watch::Receiver<usize>,
    /// Events that came to the listener.
    hearing: watch::Receiver<usize>,
    /// For the writer.
    over: watch::Sender<bool>,
    /// For the listener: what was accepted last comes after its writer has ended.
    silent: watch::Sender<bool>,
    writer: JoinHandle<Written>,
    listener: JoinHandle<Heard>,
    author: String,
}

/// What a writer was told.
#[derive(Debug, Default)]
pub struct Written {
    /// Ids of events with `OK true`.
    pub accepted: BTreeSet<String>,
    /// Reasons of `OK false`, and how often.
    pub refused: BTreeMap<String, usize>,
    /// Answers to nothing: an OK that had come already.
    pub uncalled: usize,
    /// Events whose connection ended before their OK.
    pub cut_off: usize,
}

/// What a listener was sent.
#[derive(Debug, Default)]
struct Heard {
    /// How often each event came on one connection: since the last reconnect.
    times: BTreeMap<String, usize>,
    reconnects: usize,
}

impl Load {
    /// Starts both; the listener listens before the first note is written.
    pub async fn start(url: &str, author: &str) -> Self {
        let (over, is_over) = watch::channel(false);
        let (heard, hearing) = watch::channel(0);
        let (silent, is_silent) = watch::channel(false);
        let (accepted, progress) = watch::channel(0);
        let pubkey = Keys::of(author).pubkey();
        let listener = listen(url, &pubkey).await.expect("the relay is there");
        Self {
            progress,
            hearing,
            over,
            silent,
            writer: tokio::spawn(write(url.to_owned(), author.to_owned(), accepted, is_over)),
            listener: tokio::spawn(hear(listener, url.to_owned(), pubkey.clone(), heard, is_silent)),
            author: pubkey,
        }
    }

    /// Waits until so many more events were accepted.
    pub async fn goes_on(&mut self, more: usize) {
        let goal = *self.progress.borrow() + more;
        let goes_on = self.progress.wait_for(|accepted| *accepted >= goal);
        let in_time = tokio::time::timeout(PATIENCE, goes_on).await;
        in_time
            .expect("the relay is back in time")
            .expect("the writer lives");
    }

    /// Ends, and checks: what was accepted is stored, and came to the listener once (if its connection lived).
    pub async fn settle(self, stack: &Stack) -> Written {
        self.settle_at(&stack.url()).await
    }

    /// The same where a relay has several addresses.
    pub async fn settle_at(mut self, url: &str) -> Written {
        // It works, not only by chance; and whoever has come back is not forgotten.
        let heard = *self.hearing.borrow();
        self.goes_on(2 * WINDOW).await;
        let hears = self.hearing.wait_for(|now| *now >= heard + WINDOW);
        let in_time = tokio::time::timeout(PATIENCE, hears).await;
        in_time.expect("the listener hears").expect("the listener lives");
        self.over.send_replace(true);
        let written = self.writer.await.expect("the writer ends well");
        self.silent.send_replace(true);
        let heard = self.listener.await.expect("the listener ends well");
        assert_eq!(written.uncalled, 0, "nothing is answered twice");
        let mut client = Client::connect(url).await;
        let mut stored = BTreeSet::new();
        let ids: Vec<&String> = written.accepted.iter().collect();
        for ids in ids.chunks(400) {
            for event in stored_ones(&mut client, &json!({"ids": ids})).await {
                stored.insert(event["id"].as_str().expect("an id").to_owned());
            }
        }
        let lost: Vec<_> = written.accepted.difference(&stored).collect();
        assert!(lost.is_empty(), "accepted and not stored: {lost:?}");
        let twice: Vec<_> = heard.times.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "{} delivered twice", twice.len());
        if heard.reconnects == 0 {
            let silent = written
                .accepted
                .iter()
                .filter(|id| !heard.times.contains_key(*id));
            let silent: Vec<_> = silent.collect();
            assert!(
                silent.is_empty(),
                "{} of {} never delivered to {}",
                silent.len(),
                written.accepted.len(),
                self.author
            );
        }
        written
    }
}

/// Asks again while the relay is at fault, as clients do.
async fn stored_ones(client: &mut Client, filter: &Value) -> Vec<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        client.start("stored", std::slice::from_ref(filter)).await;
        let mut events = Vec::new();
        let end = loop {
            let mut message = client.next().await;
            if message[0] != "EVENT" {
                break message;
            }
            events.push(message[2].take());
        };
        if end[0] == "EOSE" {
            return events;
        }
        assert!(Instant::now() < deadline, "the relay is well again: {end}");
    }
}

async fn write(
    url: String,
    author: String,
    progress: watch::Sender<usize>,
    mut over: watch::Receiver<bool>,
) -> Written {
    let (mut written, mut number) = (Written::default(), 0_usize);
    while !*over.borrow() {
        let Ok((mut socket, _)) = connect_async(&url).await else {
            sleep(Duration::from_millis(20)).await;
            continue;
        };
        let mut waiting = BTreeSet::new();
        loop {
            while waiting.len() < WINDOW && !*over.borrow() {
                number += 1;
                let event = note(&number.to_string()).by(&author).sign();
                if socket
                    .send(Message::text(json!(["EVENT", event]).to_string()))
                    .await
                    .is_err()
                {
                    break;
                }
                waiting.insert(event["id"].as_str().expect("an id").to_owned());
            }
            if waiting.is_empty() {
                break;
            }
            let Some(message) = read(&mut socket).await else {
                written.cut_off += waiting.len();
                break;
            };
            if message[0] == "OK" {
                written.take(&message, &mut waiting);
                progress.send_replace(written.accepted.len());
                if message[2] == false {
                    // Who is refused waits a little, as clients do.
                    let _over =
                        tokio::time::timeout(Duration::from_millis(20), over.wait_for(|over| *over)).await;
                }
            }
        }
    }
    written
}

impl Written {
    fn take(&mut self, ok: &Value, waiting: &mut BTreeSet<String>) {
        let id = ok[1].as_str().expect("an id").to_owned();
        if !waiting.remove(&id) {
            self.uncalled += 1;
        } else if ok[2] == true {
            self.accepted.insert(id);
        } else {
            let reason = ok[3].as_str().expect("a reason");
            assert!(reason.contains(": "), "a refusal has a prefix: {reason}");
            *self.refused.entry(reason.to_owned()).or_default() += 1;
        }
    }
}

async fn listen(url: &str, author: &str) -> Option<Socket> {
    let (mut socket, _) = connect_async(url).await.ok()?;
    let req = json!(["REQ", "live", {"authors": [author], "limit": 0}]);
    socket.send(Message::text(req.to_string())).await.ok()?;
    loop {
        let message = read(&mut socket).await?;
        match message[0].as_str() {
            Some("EOSE") => return Some(socket),
            // A fault of the relay: once more.
            Some("CLOSED") => socket.send(Message::text(req.to_string())).await.ok()?,
            _ => {}
        }
    }
}

async fn hear(
    mut socket: Socket,
    url: String,
    author: String,
    progress: watch::Sender<usize>,
    mut over: watch::Receiver<bool>,
) -> Heard {
    let mut heard = Heard::default();
    loop {
        let message = tokio::select! {
            message = read(&mut socket) => message,
            _over = over.wait_for(|over| *over) => break,
        };
        match message {
            Some(message) if message[0] == "EVENT" => {
                heard.note(&message);
                progress.send_modify(|events| *events += 1);
            }
            Some(_) => {}
            None => {
                heard.reconnects += 1;
                heard.times.clear();
                socket = loop {
                    if let Some(socket) = listen(&url, &author).await {
                        break socket;
                    }
                    sleep(Duration::from_millis(20)).await;
                };
            }
        }
    }
    // What was accepted last may still be on its way.
    while let Ok(Some(message)) = tokio::time::timeout(Duration::from_millis(1_500), read(&mut socket)).await
    {
        if message[0] == "EVENT" {
            heard.note(&message);
        }
    }
    heard
}

impl Heard {
    fn note(&mut self, message: &Value) {
        let id = message[2]["id"].as_str().expect("an id").to_owned();
        *self.times.entry(id).or_default() += 1;
    }
}

/// The next message; `None` when the connection has ended.
async fn read(socket: &mut Socket) -> Option<Value> {
    loop {
        match socket.next().await?.ok()? {
            Message::Text(text) => return serde_json::from_str(&text).ok(),
            Message::Close(_) => return None,
            _ => {}
        }
    }
}
