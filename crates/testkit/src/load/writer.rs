//! Writes notes and keeps book of every answer.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::sync::watch;

use super::wire::{LITTLE, connect, read, say};
use crate::events::note;

/// Events in flight: enough that a fault hits some of them.
pub const WINDOW: usize = 16;

/// What stands before the colon of a refusal: NIP-01's list, `auth-required` of NIP-42, and `unsupported` of an example of it.
pub const PREFIXES: [&str; 10] = [
    "pow",
    "duplicate",
    "blocked",
    "rate-limited",
    "invalid",
    "restricted",
    "mute",
    "error",
    "auth-required",
    "unsupported",
];

/// What a writer was told.
#[derive(Debug)]
pub struct Written {
    /// Ids of events with `OK true`.
    pub accepted: BTreeSet<String>,
    /// Reasons of `OK false`, and how often.
    pub refused: BTreeMap<String, usize>,
    /// Answers to nothing: an OK that had come already.
    pub uncalled: usize,
    /// Events whose connection ended before their OK.
    pub cut_off: usize,
    /// Reasons of CLOSED to questions that were asked beside, and how often.
    pub questions_refused: BTreeMap<String, usize>,
    /// The longest time without an accepted event.
    pub outage: Duration,
    last_accepted: Instant,
}

/// Writes until it is over; what is in flight then is waited for.
pub async fn write(
    url: String,
    author: String,
    progress: watch::Sender<usize>,
    mut over: watch::Receiver<bool>,
) -> Written {
    let (mut written, mut number) = (Written::new(), 0_usize);
    while !*over.borrow() {
        let mut socket = connect(&url).await;
        let mut waiting = BTreeSet::new();
        loop {
            while waiting.len() < WINDOW && !*over.borrow() {
                number += 1;
                let event = note(&number.to_string()).by(&author).sign();
                if say(&mut socket, &json!(["EVENT", event])).await.is_none() {
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
                    let _over = tokio::time::timeout(LITTLE, over.wait_for(|over| *over)).await;
                }
            }
        }
    }
    written
}

impl Written {
    /// No connection ended, and everything was accepted and answered.
    pub fn has_noticed_nothing(&self) {
        assert_eq!(self.cut_off, 0, "connections live on");
        assert!(self.refused.is_empty(), "{:?}", self.refused);
        let questions = &self.questions_refused;
        assert!(questions.is_empty(), "{questions:?}");
    }

    fn new() -> Self {
        Self {
            accepted: BTreeSet::new(),
            refused: BTreeMap::new(),
            uncalled: 0,
            cut_off: 0,
            questions_refused: BTreeMap::new(),
            outage: Duration::ZERO,
            last_accepted: Instant::now(),
        }
    }

    fn take(&mut self, ok: &Value, waiting: &mut BTreeSet<String>) {
        let id = ok[1].as_str().expect("an id").to_owned();
        if !waiting.remove(&id) {
            self.uncalled += 1;
        } else if ok[2] == true {
            self.accepted.insert(id);
            self.outage = self.outage.max(self.last_accepted.elapsed());
            self.last_accepted = Instant::now();
        } else {
            let reason = ok[3].as_str().expect("a reason");
            assert!(has_prefix(reason), "a refusal has a prefix: {reason}");
            *self.refused.entry(reason.to_owned()).or_default() += 1;
        }
    }
}

/// Whether a reason begins as NIP-01 wants it.
pub fn has_prefix(reason: &str) -> bool {
    let prefix = reason.split_once(": ").map(|(prefix, _)| prefix);
    prefix.is_some_and(|prefix| PREFIXES.contains(&prefix))
}
