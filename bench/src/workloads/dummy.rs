//! A relay that does as it is told, wrongly too: so that the generator's counting can be trusted.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc::{UnboundedSender, unbounded_channel},
    time::sleep,
};
use tokio_tungstenite::tungstenite::Message;

use super::{Attacker, Bench};
use crate::{corpus::Corpus, meter::Meter, processes::Servers, target::Sources};

/// What goes wrong.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// This delivery (counted over all) is left out.
    pub lose: Option<usize>,
    /// This delivery comes twice.
    pub double: Option<usize>,
    /// Every nth OK is a refusal.
    pub refuse_each: Option<usize>,
    /// Before the nth EVENT is answered, the relay stands still this long.
    pub stall: Option<(usize, Duration)>,
}

#[derive(Default)]
struct Relay {
    faults: Faults,
    ids: HashSet<String>,
    oks: usize,
    deliveries: usize,
    /// Subscriptions by connection: id, author.
    subscriptions: HashMap<usize, Vec<(String, String)>>,
    outboxes: HashMap<usize, UnboundedSender<String>>,
}

/// A bench against such a relay.
pub async fn bench(faults: Faults, corpus: usize) -> Bench {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let relay = Arc::new(Mutex::new(Relay {
        faults,
        ..Relay::default()
    }));
    tokio::spawn(async move {
        let mut number = 0;
        while let Ok((stream, _)) = listener.accept().await {
            number += 1;
            tokio::spawn(serve(stream, number, Arc::clone(&relay)));
        }
    });
    let servers: Servers = format!("dummy={}", std::process::id())
        .parse()
        .expect("a process id");
    Bench {
        targets: vec![format!("ws://127.0.0.1:{port}").parse().expect("a loopback URL")],
        sources: Sources::of_this_run(),
        meter: Meter::new(servers),
        corpus: Corpus::in_memory(corpus, 1),
        seed: 1,
        attacker: Attacker::Thread,
        patience: Duration::from_secs(1),
    }
}

async fn serve(stream: TcpStream, number: usize, relay: Arc<Mutex<Relay>>) {
    let Ok(socket) = tokio_tungstenite::accept_async(stream).await else {
        return;
    };
    let (mut out, mut incoming) = socket.split();
    let (outbox, mut waiting) = unbounded_channel();
    relay
        .lock()
        .expect("nobody panicked")
        .outboxes
        .insert(number, outbox);
    tokio::spawn(async move {
        while let Some(text) = waiting.recv().await {
            if out.send(Message::text(text)).await.is_err() {
                return;
            }
        }
    });
    while let Some(Ok(message)) = incoming.next().await {
        let Ok(text) = message.to_text() else { continue };
        let Ok(message) = serde_json::from_str::<Vec<Value>>(text) else {
            continue;
        };
        let stall = relay.lock().expect("nobody panicked").handle(number, &message);
        if let Some(stall) = stall {
            sleep(stall).await;
        }
    }
    let mut relay = relay.lock().expect("nobody panicked");
    relay.outboxes.remove(&number);
    relay.subscriptions.remove(&number);
}

impl Relay {
    fn handle(&mut self, number: usize, message: &[Value]) -> Option<Duration> {
        match message[0].as_str() {
            Some("EVENT") => return self.event(number, &message[1]),
            Some("REQ") => {
                let id = message[1].as_str().unwrap_or_default().to_owned();
                self.send(number, json!(["EOSE", id]));
                let author = message[2]["authors"][0].as_str().unwrap_or_default().to_owned();
                self.subscriptions.entry(number).or_default().push((id, author));
            }
            Some("CLOSE") => {
                self.subscriptions
                    .entry(number)
                    .or_default()
                    .retain(|(id, _)| message[1] != id.as_str());
            }
            _ => {}
        }
        None
    }

    fn event(&mut self, number: usize, event: &Value) -> Option<Duration> {
        self.oks += 1;
        let refused = self
            .faults
            .refuse_each
            .is_some_and(|each| self.oks.is_multiple_of(each));
        let text = if refused { "blocked: as told" } else { "" };
        let stored = self.ids.insert(event["id"].to_string());
        self.send(number, json!(["OK", event["id"], !refused, text]));
        for (subscriber, id) in self.wanting(event).into_iter().filter(|_| stored) {
            self.deliveries += 1;
            let times = match self.deliveries {
                this if self.faults.lose == Some(this) => 0,
                this if self.faults.double == Some(this) => 2,
                _ => 1,
            };
            for _ in 0..times {
                self.send(subscriber, json!(["EVENT", id, event]));
            }
        }
        let (nth, stall) = self.faults.stall?;
        (self.oks + 1 == nth).then_some(stall)
    }

    fn wanting(&self, event: &Value) -> Vec<(usize, String)> {
        let all = self
            .subscriptions
            .iter()
            .flat_map(|(number, list)| list.iter().map(move |one| (*number, one)));
        all.filter(|(_, (_, author))| event["pubkey"] == author.as_str())
            .map(|(number, (id, _))| (number, id.clone()))
            .collect()
    }

    fn send(&self, number: usize, message: Value) {
        if let Some(outbox) = self.outboxes.get(&number) {
            // It is gone when the client is.
            let _ = outbox.send(message.to_string());
        }
    }
}
