//! From here to the workers. EVENTs wait for `enqueue.rs`; every other message is a job of its own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use protocol::{EventId, Prefix, Reason};
use queue::{Job, Producer, Queue, QueueError};
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::connection::Connection;

/// Verified events that may wait for Redis. Beyond it the checking threads wait, and with them the sockets.
const WAITING: usize = 4096;

/// How often the depth of the queues is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A verified event that waits for its job.
#[derive(Debug)]
pub struct Accepted {
    /// Who is owed the OK.
    pub connection: Arc<Connection>,
    /// Its id.
    pub id: EventId,
    /// Its canonical JSON.
    pub json: String,
}

/// The way into the queues.
pub struct Intake {
    producer: Producer,
    events: mpsc::Sender<Accepted>,
    full: [(Queue, AtomicBool); 5],
    became_full: Notify,
    max_depth: u64,
}

impl Intake {
    /// The intake, and the events that [`crate::enqueue`] takes.
    pub fn new(producer: Producer, max_depth: u64) -> (Self, mpsc::Receiver<Accepted>) {
        let (events, waiting) = mpsc::channel(WAITING);
        let full = [
            Queue::Event,
            Queue::Req,
            Queue::Search,
            Queue::Count,
            Queue::Negentropy,
        ]
        .map(|queue| (queue, AtomicBool::new(false)));
        (
            Self {
                producer,
                events,
                full,
                became_full: Notify::new(),
                max_depth,
            },
            waiting,
        )
    }

    /// Hands in an event, from a thread that may block.
    pub fn event(&self, event: Accepted) {
        // Fails only when the process ends and takes its debts with it.
        let _ended = self.events.blocking_send(event);
    }

    /// Enqueues a job.
    pub async fn push<J: Job>(&self, job: &J) -> Result<(), QueueError> {
        self.producer.push(job).await.map(drop)
    }

    /// Enqueues a job of new events, as JSON.
    pub async fn push_events(&self, json: String) -> Result<(), QueueError> {
        // One trip: so a flood ends as soon as the queue is full, not at the next look.
        let (pushed, waiting) = tokio::join!(
            self.producer.push_json(Queue::Event, json),
            self.producer.waiting(Queue::Event)
        );
        if let Ok(waiting) = waiting {
            self.note_depth(Queue::Event, waiting);
        }
        pushed.map(drop)
    }

    fn note_depth(&self, queue: Queue, waiting: u64) {
        let is_full = waiting >= self.max_depth;
        if let Some((_, full)) = self.full.iter().find(|(of, _)| *of == queue) {
            full.store(is_full, Ordering::Relaxed);
        }
        if is_full {
            self.became_full.notify_waiters();
        }
    }

    /// Whether so much waits in a queue that it must not get longer.
    pub fn refusal(&self, queue: Queue) -> Option<Reason> {
        let is_full = |(of, full): &(Queue, AtomicBool)| *of == queue && full.load(Ordering::Relaxed);
        self.full
            .iter()
            .any(is_full)
            .then(|| Reason::new(Prefix::RateLimited, "the relay is busy, try again later"))
    }

    /// Waits until so much waits in a queue that it must not get longer.
    pub async fn full(&self, queue: Queue) -> Reason {
        loop {
            // Before the look, so that no change is missed.
            let changed = self.became_full.notified();
            if let Some(reason) = self.refusal(queue) {
                return reason;
            }
            changed.await;
        }
    }

    /// Keeps [`Self::refusal`] true.
    pub async fn watch_depth(self: Arc<Self>, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => for (queue, _) in &self.full {
                    // Redis is away: enqueueing fails, and says so to the client.
                    if let Ok(waiting) = self.producer.waiting(*queue).await {
                        self.note_depth(*queue, waiting);
                    }
                },
            }
        }
    }
}
