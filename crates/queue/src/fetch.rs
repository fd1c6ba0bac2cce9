//! Taking jobs: new ones as they come, and those of workers that fell silent.

use std::time::Duration;

use apalis_core::task::{Task, builder::TaskBuilder, task_id::TaskId};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    Delivery, Job, StreamConfig,
    held::Held,
    settle::{Outcome, Settled},
    stream::{Entry, Stream},
};

/// How long a blocking read lasts at most: so long does a stop wait for it.
const BLOCK_MS: u64 = 500;

/// Pause after Redis failed, so that an outage costs no CPU.
const PAUSE: Duration = Duration::from_millis(200);

/// Takes jobs from the stream into the channel of the backend.
pub(crate) struct Fetcher<J> {
    pub blocking: Stream,
    pub stream: Stream,
    pub config: StreamConfig,
    pub held: Held,
    pub jobs: mpsc::Sender<Task<Delivery<J>>>,
    pub settled: mpsc::UnboundedSender<Settled>,
    pub stop: CancellationToken,
}

impl<J: Job> Fetcher<J> {
    pub(crate) async fn run(self) {
        while let Err(error) = self.stream.create_group().await {
            warn!(%error, "waiting for Redis");
            if self.pause().await {
                return;
            }
        }
        tokio::join!(self.read(), self.vouch(), self.take_over());
    }

    /// New entries, no more at a time than there is room for.
    async fn read(&self) {
        while !self.stop.is_cancelled() {
            let room = tokio::select! {
                () = self.stop.cancelled() => return,
                permit = self.jobs.reserve() => match permit {
                    Ok(_permit) => self.jobs.capacity() as u64 + 1,
                    Err(_) => return,
                },
            };
            match self
                .blocking
                .read_new(&self.config.consumer, room, BLOCK_MS)
                .await
            {
                Ok(entries) => {
                    for entry in entries {
                        self.hand_over(entry).await;
                    }
                }
                Err(error) if error.details().starts_with("NOGROUP") => {
                    info!(queue = %self.stream.queue, "the stream was deleted: making it anew");
                    if let Err(error) = self.stream.create_group().await {
                        warn!(%error, "could not make the stream anew");
                    }
                }
                Err(error) => {
                    warn!(queue = %self.stream.queue, %error, "could not read new jobs");
                    if self.pause().await {
                        return;
                    }
                }
            }
        }
    }

    /// Keeps others from taking what is held here.
    async fn vouch(&self) {
        let mut ticks = ticks(self.config.takeover / 3);
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let ids = self.held.ids();
            if !ids.is_empty()
                && let Err(error) = self.stream.vouch(&self.config.consumer, &ids).await
            {
                warn!(%error, "could not vouch for jobs");
            }
        }
    }

    /// Looks for jobs whose worker is dead or has failed.
    async fn take_over(&self) {
        let idle_ms = self.config.takeover.as_millis() as u64;
        let mut ticks = ticks(self.config.takeover / 2);
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let mut pending = match self.stream.silent(idle_ms).await {
                Ok(pending) => pending,
                Err(error) => {
                    warn!(%error, "could not look for silent jobs");
                    continue;
                }
            };
            pending.retain(|pending| !self.held.contains(&pending.id));
            match self
                .stream
                .take_over(&self.config.consumer, idle_ms, &pending)
                .await
            {
                Ok(entries) => {
                    for entry in entries {
                        info!(queue = %self.stream.queue, id = entry.id, attempt = entry.attempt, "took a job over");
                        self.hand_over(entry).await;
                    }
                }
                Err(error) => warn!(%error, "could not take jobs over"),
            }
        }
    }

    async fn hand_over(&self, entry: Entry) {
        let Entry {
            id,
            job: json,
            attempt,
        } = entry;
        self.held.insert(&id, json.clone(), attempt);
        if attempt > self.config.max_attempts {
            self.settle(&id, Outcome::Dead("every worker that took it died".to_owned()));
            return;
        }
        let job = match serde_json::from_slice(&json) {
            Ok(job) => job,
            Err(error) => {
                self.settle(&id, Outcome::Dead(format!("not a job: {error}")));
                return;
            }
        };
        let enqueued_ms = id
            .split_once('-')
            .and_then(|(ms, _)| ms.parse().ok())
            .unwrap_or_default();
        let is_last = attempt >= self.config.max_attempts;
        let task = TaskBuilder::new(Delivery {
            job,
            attempt,
            is_last,
            enqueued_ms,
        })
        .task_id(TaskId::from_string(id))
        .build();
        // Fails when the worker is closing: the job is held, and given back at the end.
        let _closed = self.jobs.send(task).await;
    }

    fn settle(&self, id: &str, outcome: Outcome) {
        // The settler runs until this fetcher has ended.
        let _ended = self.settled.send(Settled {
            id: id.to_owned(),
            outcome,
        });
    }

    async fn pause(&self) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => true,
            () = tokio::time::sleep(PAUSE) => false,
        }
    }
}

fn ticks(every: Duration) -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(every.max(Duration::from_millis(10)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
