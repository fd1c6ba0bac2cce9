//! One worker's place in the consumer group: it reads (where one does at a time: while it has the lease), takes over, vouches, and
//! leaves in order.

mod lease;
mod read;
mod take_over;
mod vouch;

use std::{
    sync::{Arc, atomic::AtomicI64},
    time::Duration,
};

use apalis_core::task::{Task, builder::TaskBuilder, task_id::TaskId};
use futures::future::join_all;
use parking_lot::Mutex;
use tokio::{
    sync::mpsc,
    time::{Interval, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::{
    Delivery, Job, StreamConfig,
    held::Held,
    server_clock::ServerClock,
    settle::{Outcome, Settled},
    stream::{Entry, Stream, enqueued_ms},
};
pub(crate) use lease::Lease;

/// Pause after Redis failed, so that an outage costs no CPU.
const PAUSE: Duration = Duration::from_millis(200);

/// Jobs that are taken and wait for apalis. The backend receives; what is left at the end is given back from here.
pub(crate) type Ready<J> = Arc<Mutex<mpsc::UnboundedReceiver<Task<Delivery<J>>>>>;

/// Takes jobs from the stream into the hands of the backend.
pub(crate) struct Consumer<J> {
    /// For reads that block: nothing else may go through it.
    pub blocking: Stream,
    pub stream: Stream,
    pub config: StreamConfig,
    pub held: Held,
    pub lease: Lease,
    pub clock: ServerClock,
    /// The connection that reads, as Redis numbers it; 0 when it is not known.
    pub reading: AtomicI64,
    /// Bounded by the room in [`Held`].
    pub jobs: mpsc::UnboundedSender<Task<Delivery<J>>>,
    pub ready: Ready<J>,
    pub settled: mpsc::UnboundedSender<Settled>,
    /// The worker begins to stop: nothing more is taken, what has not begun goes back.
    pub leaving: CancellationToken,
    /// No job runs any more: there is nothing left to vouch for.
    pub stop: CancellationToken,
}

impl<J: Job> Consumer<J> {
    pub(crate) async fn run(self) {
        tokio::join!(self.take(), self.vouch());
    }

    async fn take(&self) {
        if self.join_group().await {
            self.set_clock().await;
            tokio::join!(
                self.keep_lease(),
                self.read(),
                self.take_over(),
                self.end_blocking_read()
            );
        }
        self.give_back().await;
    }

    /// Waits for Redis if it must; whether there is a group to read from.
    async fn join_group(&self) -> bool {
        while let Err(error) = self.stream.create_group().await {
            warn!(queue = %self.stream.queue, %error, "waiting for Redis");
            if self.pause().await {
                return false;
            }
        }
        true
    }

    /// Without it ages are those of the last answer.
    async fn set_clock(&self) {
        if let Err(error) = self.clock.set(&self.stream).await {
            debug!(queue = %self.stream.queue, %error, "could not ask for the time");
        }
    }

    fn hand_over(&self, entries: Vec<Entry>, seen: Option<u64>) {
        self.held.insert(&entries);
        for entry in entries {
            self.hand_over_one(entry, seen);
        }
    }

    fn hand_over_one(&self, entry: Entry, seen: Option<u64>) {
        let Entry { id, job, attempt } = entry;
        if attempt > self.config.max_attempts {
            return self.bury(id, "every worker that took it died".to_owned());
        }
        let job = match serde_json::from_slice(&job) {
            Ok(job) => job,
            Err(error) => return self.bury(id, format!("not a job: {error}")),
        };
        let enqueued_ms = enqueued_ms(&id);
        let delivery = Delivery {
            job,
            attempt,
            is_last: attempt >= self.config.max_attempts,
            enqueued_ms,
            enqueued: self.clock.instant(enqueued_ms),
            seen,
        };
        let task = TaskBuilder::new(delivery)
            .task_id(TaskId::from_string(id))
            .build();
        // Fails when the backend was dropped: the job is held, and given back at the end.
        let _dropped = self.jobs.send(task);
    }

    fn bury(&self, id: String, why: String) {
        // The settler outlives the consumer.
        let _ended = self.settled.send(Settled {
            id,
            outcome: Outcome::Dead { why, by_panic: false },
        });
    }

    /// Jobs that have not begun go to other workers, as if they had never been here.
    async fn give_back(&self) {
        let unstarted: Vec<_> = {
            let mut ready = self.ready.lock();
            ready.close();
            std::iter::from_fn(|| ready.try_recv().ok()).collect()
        };
        let given_back = unstarted.iter().filter_map(|task| {
            let (id, attempt) = (task.task_id()?.to_string(), task.args.attempt);
            self.held.remove(&id);
            Some(async move {
                self.stream
                    .give_back(&self.config, &id, attempt.saturating_sub(1))
                    .await
            })
        });
        for error in join_all(given_back).await.into_iter().filter_map(Result::err) {
            warn!(queue = %self.stream.queue, %error, "could not give a job back: it will be taken over");
        }
        debug!(queue = %self.stream.queue, jobs = unstarted.len(), "takes no more jobs");
    }

    /// Whether the worker is stopping.
    async fn pause(&self) -> bool {
        tokio::select! {
            () = self.leaving.cancelled() => true,
            () = tokio::time::sleep(PAUSE) => false,
        }
    }
}

fn ticks(every: Duration) -> Interval {
    let mut ticks = tokio::time::interval(every.max(Duration::from_millis(10)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
