//! Asks, REQ and COUNT in turn, and keeps book of every answer.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{sync::watch, time::MissedTickBehavior};

use super::{
    wire::{Socket, connect, read, say},
    writer::has_prefix,
};

/// Questions in flight: enough that a fault hits some of them.
const WINDOW: usize = 4;

/// Between two questions: the relay has more to do than to answer these.
const PACE: Duration = Duration::from_millis(10);

/// The longest that an answer may take: the longest deadline of a relay-ws with the default settings, and its next look.
const LATEST: Duration = Duration::from_secs(35);

/// How long an answer too many may be on its way.
const ON_ITS_WAY: Duration = Duration::from_millis(500);

/// What became of the questions. None is left without an answer: who waits longer than [`LATEST`] panics.
#[derive(Debug, Default)]
pub struct Asked {
    /// REQs with their EOSE, COUNTs with their number.
    pub answered: usize,
    /// Questions with CLOSED: the reasons, and how often.
    pub refused: BTreeMap<String, usize>,
    /// Answers to what was answered already, or not asked.
    pub uncalled: Vec<Value>,
}

/// The questions of one connection.
struct Asking<'a> {
    author: &'a str,
    number: usize,
    waiting: BTreeMap<String, Instant>,
}

/// Asks until it is over; what is in flight then is waited for.
pub async fn ask(url: String, author: String, mut over: watch::Receiver<bool>) -> Asked {
    let (mut asked, mut number) = (Asked::default(), 0);
    while !*over.borrow() {
        let mut asking = Asking {
            author: &author,
            number,
            waiting: BTreeMap::new(),
        };
        let socket = connect(&url).await;
        // None: the connection ended, and with it whatever was owed on it.
        let _ended = asking.go_on(socket, &mut asked, &mut over).await;
        number = asking.number;
    }
    asked
}

impl Asking<'_> {
    async fn go_on(
        &mut self,
        mut socket: Socket,
        asked: &mut Asked,
        over: &mut watch::Receiver<bool>,
    ) -> Option<()> {
        let mut ticks = tokio::time::interval(PACE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !*over.borrow() || !self.waiting.is_empty() {
            tokio::select! {
                message = read(&mut socket) => self.take(&message?, asked, &mut socket).await?,
                _ = ticks.tick() => {
                    self.is_patient();
                    if self.waiting.len() < WINDOW && !*over.borrow() {
                        say(&mut socket, &self.next_question()).await?;
                    }
                }
            }
        }
        while let Ok(message) = tokio::time::timeout(ON_ITS_WAY, read(&mut socket)).await {
            self.take(&message?, asked, &mut socket).await?;
        }
        Some(())
    }

    fn next_question(&mut self) -> Value {
        self.number += 1;
        let (verb, filter) = if self.number.is_multiple_of(2) {
            ("COUNT", json!({"authors": [self.author]}))
        } else {
            ("REQ", json!({"authors": [self.author], "limit": 3}))
        };
        let id = format!("{verb} {}", self.number);
        let question = json!([verb, id, filter]);
        self.waiting.insert(id, Instant::now());
        question
    }

    fn is_patient(&self) {
        let late: BTreeSet<&String> = self
            .waiting
            .iter()
            .filter(|(_, since)| since.elapsed() > LATEST)
            .map(|(id, _)| id)
            .collect();
        assert!(late.is_empty(), "questions without an answer: {late:?}");
    }

    async fn take(&mut self, message: &Value, asked: &mut Asked, socket: &mut Socket) -> Option<()> {
        let verb = message[0].as_str().expect("a verb");
        if !["EOSE", "COUNT", "CLOSED"].contains(&verb) {
            return Some(());
        }
        let id = message[1].as_str().expect("an id");
        let is_fitting = verb == "CLOSED" || (verb == "COUNT") == id.starts_with("COUNT");
        if !is_fitting || self.waiting.remove(id).is_none() {
            asked.uncalled.push(message.clone());
        } else if verb == "CLOSED" {
            let reason = message[2].as_str().expect("a reason");
            assert!(has_prefix(reason), "a refusal has a prefix: {reason}");
            *asked.refused.entry(reason.to_owned()).or_default() += 1;
        } else {
            asked.answered += 1;
            if verb == "EOSE" {
                say(socket, &json!(["CLOSE", id])).await?;
            }
        }
        Some(())
    }
}
