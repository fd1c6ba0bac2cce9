//! Listens to a writer and counts what comes.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use tokio::{sync::watch, time::sleep};

use super::wire::{LITTLE, Socket, connect, read, say};

/// How long what was accepted last may still be on its way.
const ON_ITS_WAY: Duration = Duration::from_millis(1_500);

/// What a listener was sent.
#[derive(Debug, Default)]
pub struct Heard {
    /// How often each event came on one connection: since the last reconnect.
    pub times: BTreeMap<String, usize>,
    /// How often its connection ended.
    pub reconnects: usize,
}

/// A connection that is subscribed to the notes of an author.
pub async fn listen(url: &str, author: &str) -> Socket {
    loop {
        if let Some(socket) = subscribe(connect(url).await, author).await {
            return socket;
        }
        sleep(LITTLE).await;
    }
}

async fn subscribe(mut socket: Socket, author: &str) -> Option<Socket> {
    let req = json!(["REQ", "live", {"authors": [author], "limit": 0}]);
    say(&mut socket, &req).await?;
    loop {
        let message = read(&mut socket).await?;
        match message[0].as_str() {
            Some("EOSE") => return Some(socket),
            // A fault of the relay: once more.
            Some("CLOSED") => say(&mut socket, &req).await?,
            _ => {}
        }
    }
}

/// Hears until it is over, and what comes soon after.
pub async fn hear(
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
            Some(message) => assert_ne!(message[0], "CLOSED", "a subscription stays: {message}"),
            None => {
                heard.reconnects += 1;
                heard.times.clear();
                socket = listen(&url, &author).await;
            }
        }
    }
    while let Ok(Some(message)) = tokio::time::timeout(ON_ITS_WAY, read(&mut socket)).await {
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
