//! From here to the workers. EVENTs that wait together travel as one job; every other message is a job of its own.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use protocol::{EventId, Prefix, Reason};
use queue::{
    Job, Producer, Queue, QueueError,
    jobs::{Client, NewEventsJson},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{connection::Connection, relay::Relay};

/// Verified events that may wait for Redis. Beyond it the checking threads wait, and with them the sockets.
const WAITING: usize = 4096;

/// Events of one job at most: as many as a worker commits at once.
const EVENTS: usize = 128;

/// Bytes of one job after which no event is added.
const BYTES: usize = 512 * 1024;

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
    full: [(Queue, AtomicBool); 3],
    max_depth: u64,
}

impl Intake {
    /// The intake, and the events that [`enqueue_events`] takes.
    pub fn new(producer: Producer, max_depth: u64) -> (Self, mpsc::Receiver<Accepted>) {
        let (events, waiting) = mpsc::channel(WAITING);
        let full = [Queue::Event, Queue::Req, Queue::Count].map(|queue| (queue, AtomicBool::new(false)));
        (
            Self {
                producer,
                events,
                full,
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

    /// Whether so much waits in a queue that it must not get longer.
    pub fn refusal(&self, queue: Queue) -> Option<Reason> {
        let is_full = |(of, full): &(Queue, AtomicBool)| *of == queue && full.load(Ordering::Relaxed);
        self.full
            .iter()
            .any(is_full)
            .then(|| Reason::new(Prefix::RateLimited, "the relay is busy, try again later"))
    }

    /// Keeps [`Self::refusal`] true.
    pub async fn watch_depth(self: Arc<Self>, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => for (queue, full) in &self.full {
                    // Redis is away: enqueueing fails, and says so to the client.
                    if let Ok(waiting) = self.producer.waiting(*queue).await {
                        full.store(waiting >= self.max_depth, Ordering::Relaxed);
                    }
                },
            }
        }
    }
}

/// Puts everything that waits into one job, and while that one is on its way, what comes meanwhile into the next.
/// Under light load a job is one event and waits for nothing.
pub async fn enqueue_events(mut waiting: mpsc::Receiver<Accepted>, relay: Weak<Relay>) {
    let mut batch = Vec::with_capacity(EVENTS);
    while waiting.recv_many(&mut batch, EVENTS).await > 0 {
        let Some(relay) = relay.upgrade() else { return };
        let mut batch = batch.drain(..).peekable();
        while batch.peek().is_some() {
            enqueue_job(&relay, &mut batch).await;
        }
    }
}

async fn enqueue_job(relay: &Relay, events: &mut impl Iterator<Item = Accepted>) {
    let mut job = NewEventsJson::default();
    let mut owed = Vec::with_capacity(EVENTS);
    while job.bytes() < BYTES
        && let Some(event) = events.next()
    {
        let client: Arc<Client> = event.connection.client();
        job.push(event.connection.id.as_str(), &client, &event.json);
        owed.push((event.connection, event.id));
    }
    if let Err(error) = relay.intake.producer.push_json(Queue::Event, job.finish()).await {
        warn!(%error, events = owed.len(), "could not enqueue events");
        for (connection, id) in owed {
            relay.answer_event(
                &connection,
                id,
                false,
                "error: could not enqueue the event, try again later",
            );
        }
    }
}
