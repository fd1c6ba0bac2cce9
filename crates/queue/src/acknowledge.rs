//! Writing to Redis how jobs ended: many in one round trip.

use metrics::counter;
use tokio::{sync::mpsc, task::JoinHandle};
use tracing::{debug, error, warn};

use crate::{
    StreamConfig,
    held::{Held, HeldJob},
    settle::{Outcome, Settled},
    stream::Stream,
};

/// Acknowledgements in one round trip.
const BATCH: usize = 256;

/// Writes to Redis how jobs ended.
pub(crate) struct Settler {
    stream: Stream,
    config: StreamConfig,
    held: Held,
}

impl Settler {
    pub(crate) fn new(stream: Stream, config: StreamConfig, held: Held) -> Self {
        Self { stream, config, held }
    }

    /// Until `consuming` has ended, which is when no job runs any more; then leaves the group.
    pub(crate) async fn run(
        self,
        mut outcomes: mpsc::UnboundedReceiver<Settled>,
        mut consuming: JoinHandle<()>,
    ) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                _ = outcomes.recv_many(&mut batch, BATCH) => self.settle(batch.drain(..)).await,
                _ended = &mut consuming => break,
            }
        }
        outcomes.close();
        while outcomes.recv_many(&mut batch, BATCH).await > 0 {
            self.settle(batch.drain(..)).await;
        }
        self.leave().await;
    }

    async fn settle(&self, batch: impl Iterator<Item = Settled>) {
        let (queue, mut done) = (self.stream.queue.name(), Vec::with_capacity(BATCH));
        let mut once_failed = Vec::new();
        for Settled { id, outcome } in batch {
            let Some(job) = self.held.remove(&id) else {
                continue;
            };
            match outcome {
                Outcome::Done => {
                    counter!("jobs_total", "queue" => queue, "result" => "done").increment(1);
                    if job.attempt > 1 {
                        once_failed.push(id.clone());
                    }
                    done.push(id);
                }
                Outcome::Failed(why) => {
                    counter!("jobs_total", "queue" => queue, "result" => "failed").increment(1);
                    // Nobody vouches for it any more: that is all it takes.
                    let attempt = job.attempt;
                    warn!(queue, id, attempt, why, "a job failed and will be tried again");
                    if let Err(error) = self.stream.note_failure(&id, &why).await {
                        debug!(queue, id, %error, "could not note why a job failed");
                    }
                }
                Outcome::Dead { why, by_panic } => {
                    counter!("jobs_total", "queue" => queue, "result" => "dead").increment(1);
                    self.bury(&id, job, &why, by_panic).await;
                }
            }
        }
        if !done.is_empty()
            && let Err(error) = self.stream.done(&done).await
        {
            // They will run once more, which handlers bear.
            warn!(queue, %error, jobs = done.len(), "could not acknowledge jobs");
        }
        if !once_failed.is_empty()
            && let Err(error) = self.stream.forget_failures(once_failed).await
        {
            debug!(queue, %error, "could not forget failures");
        }
    }

    async fn bury(&self, id: &str, mut job: HeldJob, why: &str, by_panic: bool) {
        let queue = self.stream.queue.name();
        // The delivery after the last attempt is not run, only buried.
        job.attempt = job.attempt.min(self.config.max_attempts);
        if by_panic {
            warn!(
                queue,
                id,
                attempts = job.attempt,
                why,
                "a job that panics is given up"
            );
        } else {
            error!(queue, id, attempts = job.attempt, why, "a job is given up");
        }
        if let Err(error) = self.stream.bury(id, &job, why, self.config.max_dead).await {
            warn!(queue, id, %error, "could not bury a job: it will be taken over and buried then");
        }
    }

    /// Jobs that are held still were cut off in the middle: they go to others, and the attempt counts.
    async fn leave(&self) {
        for id in self.held.ids() {
            let attempt = self.held.remove(&id).map_or(1, |job| job.attempt);
            if let Err(error) = self.stream.give_back(&self.config, &id, attempt).await {
                warn!(queue = %self.stream.queue, id, %error, "could not give a job back: it will be taken over");
            }
        }
        if let Err(error) = self.stream.leave(&self.config.consumer).await {
            warn!(queue = %self.stream.queue, %error, "could not leave: the consumer will be removed in a while");
        }
    }
}
