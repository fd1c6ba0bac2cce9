//! Clients that write, listen and ask while things break, and notice everything.

mod asker;
mod listener;
mod wire;
mod writer;

use std::{
    collections::BTreeSet,
    io::Write,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use crate::{Client, Keys, Stack};
use asker::{Asked, ask};
use listener::{Heard, hear, listen};
pub use writer::{PREFIXES, Written};
use writer::{WINDOW, write};

/// Longest wait for as many events as a test wants to see accepted.
const PATIENCE: Duration = Duration::from_secs(30);
/// How soon events are accepted again when a fault is over.
const BACK: Duration = Duration::from_secs(15);
/// Longest wait for the answers that are owed: the longest deadline, and its next look.
const OWED: Duration = Duration::from_secs(40);

/// A writer, a listener of its notes, and one who asks. They come back when their connection ends.
pub struct Load {
    progress: watch::Receiver<usize>,
    /// Events that came to the listener.
    hearing: watch::Receiver<usize>,
    /// For the writer and the asker.
    over: watch::Sender<bool>,
    /// For the listener: what was accepted last comes after its writer has ended.
    silent: watch::Sender<bool>,
    writer: JoinHandle<Written>,
    listener: JoinHandle<Heard>,
    asker: JoinHandle<Asked>,
    author: String,
}

impl Load {
    /// Starts all; the listener listens before the first note is written.
    pub async fn start(url: &str, author: &str) -> Self {
        let (over, is_over) = watch::channel(false);
        let (heard, hearing) = watch::channel(0);
        let (silent, is_silent) = watch::channel(false);
        let (accepted, progress) = watch::channel(0);
        let pubkey = Keys::of(author).pubkey();
        let listening = timeout(PATIENCE, listen(url, &pubkey)).await;
        let listener = listening.expect("the relay is there");
        let (url, author) = (url.to_owned(), author.to_owned());
        Self {
            progress,
            hearing,
            over,
            silent,
            writer: tokio::spawn(write(url.clone(), author, accepted, is_over.clone())),
            asker: tokio::spawn(ask(url.clone(), pubkey.clone(), is_over)),
            listener: tokio::spawn(hear(listener, url, pubkey.clone(), heard, is_silent)),
            author: pubkey,
        }
    }

    /// Waits until so many more events were accepted; the first of them is soon.
    pub async fn goes_on(&mut self, more: usize) {
        let before = *self.progress.borrow();
        self.accepts(before + 1, BACK).await;
        self.accepts(before + more, PATIENCE).await;
    }

    async fn accepts(&mut self, goal: usize, patience: Duration) {
        let accepts = self.progress.wait_for(|accepted| *accepted >= goal);
        let in_time = timeout(patience, accepts).await;
        in_time
            .expect("the relay is back in time")
            .expect("the writer lives");
    }

    /// Ends, and checks: what was accepted is stored, and came to the listener once (if its connection lived); every question has
    /// its one answer.
    pub async fn settle(self, stack: &Stack) -> Written {
        self.settle_at(&stack.url(), &stack.postgres).await
    }

    /// The same where a relay has several addresses. `postgres`: the URL of its database.
    pub async fn settle_at(mut self, url: &str, postgres: &str) -> Written {
        // It works, not only by chance; and whoever has come back is not forgotten.
        let heard = *self.hearing.borrow();
        self.goes_on(2 * WINDOW).await;
        let hears = self.hearing.wait_for(|now| *now >= heard + WINDOW);
        let in_time = timeout(PATIENCE, hears).await;
        in_time.expect("the listener hears").expect("the listener lives");
        self.over.send_replace(true);
        let mut written = in_time_and_well(self.writer).await;
        let asked = in_time_and_well(self.asker).await;
        self.silent.send_replace(true);
        let heard = in_time_and_well(self.listener).await;
        report(&self.author, &written, &asked);
        assert_eq!(written.uncalled, 0, "nothing is answered twice");
        assert!(
            asked.uncalled.is_empty(),
            "too many answers: {:?}",
            asked.uncalled
        );
        assert!(asked.answered > 0, "questions are answered: {:?}", asked.refused);
        are_stored(&written.accepted, postgres).await;
        can_be_read(&written.accepted, url).await;
        were_heard(&heard, &written.accepted, &self.author);
        written.questions_refused = asked.refused;
        written
    }
}

/// What a task of the load found out, once it has been given everything that it is owed.
async fn in_time_and_well<T>(task: JoinHandle<T>) -> T {
    let ended = timeout(OWED, task).await;
    ended
        .expect("every answer that is owed comes")
        .expect("it ends well")
}

/// For whoever reads the output of a test.
fn report(author: &str, written: &Written, asked: &Asked) {
    let report = format!(
        "load of {}: {} events accepted, {} cut off, refused: {:?}; {:.1} s without an accepted event at most; {} questions answered, \
         refused: {:?}\n",
        &author[..8],
        written.accepted.len(),
        written.cut_off,
        written.refused,
        written.outage.as_secs_f64(),
        asked.answered,
        asked.refused,
    );
    std::io::stderr().write_all(report.as_bytes()).ok();
}

/// In the database itself: what workers have in their memory would be answered by REQ as well.
async fn are_stored(accepted: &BTreeSet<String>, postgres: &str) {
    let stored = crate::database::stored_at(postgres, accepted).await;
    let lost: Vec<_> = accepted.difference(&stored).collect();
    assert!(
        lost.is_empty(),
        "{} of {} accepted and not stored: {lost:?}",
        lost.len(),
        accepted.len()
    );
}

async fn can_be_read(accepted: &BTreeSet<String>, url: &str) {
    let mut client = Client::connect(url).await;
    let mut read = BTreeSet::new();
    let ids: Vec<&String> = accepted.iter().collect();
    for ids in ids.chunks(400) {
        for event in stored_ones(&mut client, &json!({"ids": ids})).await {
            read.insert(event["id"].as_str().expect("an id").to_owned());
        }
    }
    let hidden: Vec<_> = accepted.difference(&read).collect();
    assert!(hidden.is_empty(), "accepted and not to be read: {hidden:?}");
}

fn were_heard(heard: &Heard, accepted: &BTreeSet<String>, author: &str) {
    let twice: Vec<_> = heard.times.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "{} delivered twice", twice.len());
    if heard.reconnects == 0 {
        let silent = accepted.iter().filter(|id| !heard.times.contains_key(*id));
        let (silent, all) = (silent.count(), accepted.len());
        assert_eq!(silent, 0, "of {all} never delivered to {author}");
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
