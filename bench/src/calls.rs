//! Calls to the relay (an EVENT, a REQ), and the loops that make them.
//!
//! The closed loop keeps a number of calls in flight and sends the next one when one is answered: it finds the highest
//! rate. The open loop sends at a given rate, answered or not, and times each answer from when its call was TO BE sent: a
//! relay that stalls cannot hide by keeping the generator waiting (coordinated omission).

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use ahash::AHashMap;
use futures::future::try_join_all;
use tokio::{sync::mpsc, time::timeout};

use crate::{message::Message, socket::Socket, tally::Tally};

/// What an answer is recognised by: the first half of an event's id, or a subscription id of 16 characters.
pub type Key = [u8; 16];

/// After so long without any message the relay owes its answers for ever.
const PATIENCE: Duration = Duration::from_secs(30);

/// Something that a relay answers once.
#[derive(Debug, Clone, Copy)]
pub enum Call<'c> {
    /// Canonical JSON of an event.
    Event(&'c [u8]),
    /// A subscription's number and its filters, separated by commas. It is closed when its stored events ended.
    Request(u64, &'c str),
}

impl Call<'_> {
    fn key(&self) -> Key {
        match self {
            Self::Event(json) => event_key(json),
            Self::Request(number, _) => request_key(*number),
        }
    }

    fn queue(&self, socket: &mut Socket) {
        match self {
            Self::Event(json) => socket.queue(&[br#"["EVENT","#, json, b"]"]),
            Self::Request(number, filters) => {
                socket.queue(&[
                    br#"["REQ",""#,
                    &request_key(*number),
                    br#"","#,
                    filters.as_bytes(),
                    b"]",
                ]);
            }
        }
    }
}

/// The key of an event in canonical JSON.
pub fn event_key(json: &[u8]) -> Key {
    key_of_id(json.get(r#"{"id":""#.len()..).unwrap_or_default())
}

/// The key of an event by its id in hex.
pub fn key_of_id(id: &[u8]) -> Key {
    id.first_chunk().copied().unwrap_or_default()
}

fn request_key(number: u64) -> Key {
    let mut key = *b"r000000000000000";
    let mut left = number;
    for digit in key[1..].iter_mut().rev() {
        *digit = b'0' + (left % 10) as u8;
        left /= 10;
    }
    key
}

/// The calls of one connection that wait for their answer.
struct Waiting<'t> {
    since: AHashMap<Key, Instant>,
    /// Requests to close.
    ended: Vec<Key>,
    tally: &'t RefCell<Tally>,
}

impl<'t> Waiting<'t> {
    fn new(tally: &'t RefCell<Tally>) -> Self {
        Self {
            since: AHashMap::new(),
            ended: Vec::new(),
            tally,
        }
    }

    fn take(&mut self, text: &[u8]) {
        let mut tally = self.tally.borrow_mut();
        tally.bytes += text.len() as u64;
        let (key, refusal) = match Message::parse(text) {
            Message::Event { .. } => {
                tally.events += 1;
                return;
            }
            Message::Ok { id, accepted, text } => (key_of_id(id), (!accepted).then_some(text)),
            Message::Eose { subscription } => {
                self.ended.push(key_of_id(subscription));
                (key_of_id(subscription), None)
            }
            Message::Closed { subscription, text } => (key_of_id(subscription), Some(text)),
            Message::Other => return,
        };
        match (self.since.remove(&key), refusal) {
            (Some(since), None) => tally.accept(since.elapsed()),
            (Some(since), Some(text)) => tally.refuse(since.elapsed(), text),
            (None, _) => tally.fault("an answer that nothing waited for".to_owned()),
        }
    }

    /// Ends the requests whose answer is complete.
    fn close(&mut self, socket: &mut Socket) {
        for key in self.ended.drain(..) {
            socket.queue(&[br#"["CLOSE",""#, &key, br#""]"#]);
        }
    }

    async fn read(&mut self, socket: &mut Socket) -> bool {
        match timeout(PATIENCE, socket.read(|text| self.take(text))).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => self.give_up(&error.to_string()),
            Err(_) => self.give_up("no answer for 30 s"),
        }
    }

    fn give_up(&mut self, why: &str) -> bool {
        let mut tally = self.tally.borrow_mut();
        tally.fault(why.to_owned());
        for _ in self.since.drain() {
            tally.fault("unanswered".to_owned());
        }
        false
    }
}

/// Keeps `window` calls in flight on every connection until `next` has no more, and waits for the last answers.
pub async fn closed_loop<'c>(
    sockets: &mut [Socket],
    window: usize,
    tally: &RefCell<Tally>,
    next: impl Fn() -> Option<Call<'c>>,
) -> anyhow::Result<()> {
    let connections = sockets.iter_mut().map(|socket| async {
        let mut waiting = Waiting::new(tally);
        let mut held = None;
        loop {
            while waiting.since.len() < window {
                let Some(call) = held.take().or_else(&next) else {
                    break;
                };
                // The answers to two equal calls could not be told apart: the second waits for the first.
                if waiting.since.contains_key(&call.key()) {
                    held = Some(call);
                    break;
                }
                call.queue(socket);
                waiting.since.insert(call.key(), Instant::now());
            }
            socket.flush().await?;
            if waiting.since.is_empty() || !waiting.read(socket).await {
                return Ok(());
            }
            waiting.close(socket);
        }
    });
    try_join_all(connections).await.map(drop)
}

/// Makes `count` calls, `rate` a second, over the connections in turn. `next` learns when its call is to be sent.
pub async fn open_loop<'c>(
    sockets: &mut [Socket],
    rate: f64,
    count: u32,
    tally: &RefCell<Tally>,
    next: impl Fn(Instant) -> Option<Call<'c>>,
) -> anyhow::Result<()> {
    let (due, channels): (Vec<_>, Vec<_>) = sockets.iter().map(|_| mpsc::unbounded_channel()).unzip();
    beat(rate, count, due);
    let connections = sockets.iter_mut().zip(channels).map(|(socket, mut due)| {
        let next = &next;
        async move {
            let mut waiting = Waiting::new(tally);
            let mut over = false;
            while !over || !waiting.since.is_empty() {
                socket.flush().await?;
                tokio::select! {
                    at = due.recv(), if !over => match at.and_then(|at| Some((at, next(at)?))) {
                        Some((at, call)) => {
                            call.queue(socket);
                            waiting.since.insert(call.key(), at);
                        }
                        None => over = true,
                    },
                    alive = waiting.read(socket) => {
                        if !alive {
                            return Ok(());
                        }
                        waiting.close(socket);
                    }
                }
            }
            socket.flush().await?;
            Ok(())
        }
    });
    try_join_all(connections).await.map(drop)
}

/// Says when each call is due, from a thread of its own: the runtime's timers are a millisecond coarse.
fn beat(rate: f64, count: u32, channels: Vec<mpsc::UnboundedSender<Instant>>) {
    let start = Instant::now();
    std::thread::spawn(move || {
        for nth in 0..count {
            let at = start + Duration::from_secs_f64(f64::from(nth) / rate);
            std::thread::sleep(at.saturating_duration_since(Instant::now()));
            if channels[nth as usize % channels.len()].send(at).is_err() {
                return;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_answers() {
        assert_eq!(&request_key(42), b"r000000000000042");
        assert_eq!(&event_key(br#"{"id":"0123456789abcdef0123"#), b"0123456789abcdef");
        assert_eq!(event_key(b"{}"), Key::default());
    }
}
