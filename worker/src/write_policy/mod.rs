//! The operator's own judge of events: child processes that get a line for each event and answer with a line, in the format
//! of strfry's write-policy plugins.
//!
//! In: events that the rules of [`crate::policy`] let through. Out: a verdict for each, in time. A plugin that is slow, dead
//! or talks nonsense costs the configured verdict, and never more than `write_policy.timeout_ms`.

mod child;
mod lines;
mod message;

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use protocol::{EventId, VerifiedEvent};
use runtime::config;
use tokio::{sync::oneshot, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::metrics;
use child::Child;
pub use message::{Source, Verdict};

/// Questions that may wait for a child. Beyond it those who ask wait, each no longer than its time.
const WAITING: usize = 1024;

/// An event that waits for its verdict.
#[derive(Debug)]
struct Question {
    id: EventId,
    /// What the child reads, with its line break.
    line: String,
    done: oneshot::Sender<Verdict>,
}

/// Event, and where it came from.
pub struct Suspect<'a> {
    /// The event.
    pub event: &'a VerifiedEvent,
    /// Where it came from.
    pub source: Source<'a>,
}

/// The way to the children.
#[derive(Debug)]
pub struct WritePolicy {
    questions: async_channel::Sender<Question>,
    /// Children that failed again and again and are waited for.
    down: Arc<AtomicUsize>,
    processes: usize,
    patience: Duration,
    /// What is said when no child says anything.
    fallback: Verdict,
}

impl WritePolicy {
    /// Starts the children, if there is a command. They end with `stop`.
    pub fn start(config: &config::WritePolicy, stop: &CancellationToken) -> Option<Self> {
        if config.command.is_empty() {
            return None;
        }
        let (questions, waiting) = async_channel::bounded(WAITING);
        let down = Arc::new(AtomicUsize::new(0));
        for number in 0..config.processes {
            let child = Child {
                number,
                command: config.command.clone(),
                in_flight: config.in_flight,
                patience: config.timeout(),
                questions: waiting.clone(),
                down: Arc::clone(&down),
                stop: stop.clone(),
            };
            tokio::spawn(child.keep());
        }
        Some(Self {
            questions,
            down,
            processes: config.processes,
            patience: config.timeout(),
            fallback: match config.on_failure {
                config::OnFailure::Accept => Verdict::Accept,
                config::OnFailure::Reject => Verdict::Reject(
                    "error: this relay cannot judge your event now, try again later".to_owned(),
                ),
            },
        })
    }

    /// A verdict for each, in their order. They are asked for together. `received_at` is in unix seconds.
    pub async fn judge(&self, suspects: &[Suspect<'_>], received_at: u64) -> Vec<Verdict> {
        join_all(
            suspects
                .iter()
                .map(|suspect| self.judge_one(suspect, received_at)),
        )
        .await
    }

    async fn judge_one(&self, suspect: &Suspect<'_>, received_at: u64) -> Verdict {
        let began = Instant::now();
        let verdict = match tokio::time::timeout(self.patience, self.ask(suspect, received_at)).await {
            Ok(Some(verdict)) => verdict,
            Ok(None) | Err(_) => {
                metrics::judged("no answer", began.elapsed());
                return self.fallback.clone();
            }
        };
        metrics::judged(verdict.label(), began.elapsed());
        verdict
    }

    async fn ask(&self, suspect: &Suspect<'_>, received_at: u64) -> Option<Verdict> {
        if self.down.load(Ordering::Relaxed) == self.processes {
            return None;
        }
        let (done, verdict) = oneshot::channel();
        let question = Question {
            id: suspect.event.id(),
            line: message::question(suspect.event.json(), &suspect.source, received_at),
            done,
        };
        self.questions.send(question).await.ok()?;
        verdict.await.ok()
    }
}

impl<'a> Suspect<'a> {
    /// An event that a client sent.
    pub fn sent_by(
        event: &'a VerifiedEvent,
        address: Option<IpAddr>,
        client: &'a queue::jobs::Client,
    ) -> Self {
        let source = Source::Client {
            address,
            authed: client.pubkeys.first(),
        };
        Self { event, source }
    }

    /// An event of an import.
    pub fn imported(event: &'a VerifiedEvent) -> Self {
        Self {
            event,
            source: Source::Import,
        }
    }
}
