//! From here to the workers. EVENTs wait for `enqueue.rs`; every other message is a job of its own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use metrics::counter;
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

/// What is known of a queue.
struct Known {
    queue: Queue,
    is_full: AtomicBool,
    /// Jobs at the last look, and those enqueued here since.
    depth: AtomicU64,
}

/// The way into the queues.
pub struct Intake {
    producer: Producer,
    events: mpsc::Sender<Accepted>,
    queues: [Known; 5],
    became_full: Notify,
    max_depth: u64,
}

impl Intake {
    /// The intake, and the events that [`crate::enqueue`] takes.
    pub fn new(producer: Producer, max_depth: u64) -> (Self, mpsc::Receiver<Accepted>) {
        let (events, waiting) = mpsc::channel(WAITING);
        let queues = [
            Queue::Event,
            Queue::Req,
            Queue::Search,
            Queue::Count,
            Queue::Negentropy,
        ]
        .map(|queue| Known {
            queue,
            is_full: AtomicBool::new(false),
            depth: AtomicU64::new(0),
        });
        (
            Self {
                producer,
                events,
                queues,
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

    /// Enqueues a job. From half the bound on, the queue is looked at each time: many addresses that ask at once are not to wait for
    /// the next look, and far below it nobody is refused for what has long been done.
    pub async fn push<J: Job>(&self, job: &J) -> Result<(), QueueError> {
        let depth = self.count(J::QUEUE);
        let pushed = self.producer.push(job).await;
        if depth >= self.max_depth / 2
            && let Ok(waiting) = self.producer.waiting(J::QUEUE).await
        {
            self.note_depth(J::QUEUE, waiting);
        }
        pushed.map(drop).inspect_err(|_| not_taken())
    }

    /// Counts a job that is about to be enqueued; the depth, as far as it is known. What may be full gets no more until the look.
    fn count(&self, queue: Queue) -> u64 {
        let Some(known) = self.known(queue) else { return 0 };
        let depth = known.depth.fetch_add(1, Ordering::Relaxed) + 1;
        if depth >= self.max_depth {
            known.is_full.store(true, Ordering::Relaxed);
        }
        depth
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
        pushed.map(drop).inspect_err(|_| not_taken())
    }

    fn known(&self, queue: Queue) -> Option<&Known> {
        self.queues.iter().find(|known| known.queue == queue)
    }

    fn note_depth(&self, queue: Queue, waiting: u64) {
        let is_full = waiting >= self.max_depth;
        if let Some(known) = self.known(queue) {
            known.depth.store(waiting, Ordering::Relaxed);
            known.is_full.store(is_full, Ordering::Relaxed);
        }
        if is_full {
            self.became_full.notify_waiters();
        }
    }

    /// Whether so much waits in a queue that it must not get longer.
    pub fn refusal(&self, queue: Queue) -> Option<Reason> {
        let is_full = |known: &Known| known.is_full.load(Ordering::Relaxed);
        self.known(queue)
            .is_some_and(is_full)
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
                _ = ticks.tick() => for Known { queue, .. } in &self.queues {
                    // Redis is away: enqueueing fails, and says so to the client.
                    if let Ok(waiting) = self.producer.waiting(*queue).await {
                        self.note_depth(*queue, waiting);
                    }
                },
            }
        }
    }
}

fn not_taken() {
    counter!("relay_enqueue_failures_total").increment(1);
}
