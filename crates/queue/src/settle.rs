//! How jobs end: done, to be tried again, or dead.

use std::{
    error::Error,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use apalis_core::{error::BoxDynError, task::Task};
use metrics::counter;
use tokio::{sync::mpsc, task::JoinHandle};
use tower::{Layer, Service};
use tracing::{error, warn};

use crate::{Delivery, JobError, StreamConfig, held::Held, stream::Stream};

/// Acknowledgements in one round trip.
const BATCH: usize = 256;

/// A job that ended.
#[derive(Debug)]
pub(crate) struct Settled {
    pub id: String,
    pub outcome: Outcome,
}

/// How it ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    Done,
    /// Left alone until it may be taken again.
    Failed(String),
    Dead(String),
}

/// Wraps the handler: reports how each job ended. The handler's future yields a `Result` of [`JobError`].
#[derive(Debug, Clone)]
pub struct SettleLayer(mpsc::UnboundedSender<Settled>);

impl SettleLayer {
    pub(crate) fn new(settled: mpsc::UnboundedSender<Settled>) -> Self {
        Self(settled)
    }
}

impl<S> Layer<S> for SettleLayer {
    type Service = Settle<S>;

    fn layer(&self, inner: S) -> Settle<S> {
        Settle {
            inner,
            settled: self.0.clone(),
        }
    }
}

/// The wrapped handler.
#[derive(Debug, Clone)]
pub struct Settle<S> {
    inner: S,
    settled: mpsc::UnboundedSender<Settled>,
}

impl<S, J> Service<Task<Delivery<J>>> for Settle<S>
where
    S: Service<Task<Delivery<J>>>,
    S::Error: Into<BoxDynError>,
    S::Future: Send + 'static,
    S::Response: Send,
{
    type Response = ();
    type Error = BoxDynError;
    type Future = Pin<Box<dyn Future<Output = Result<(), BoxDynError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxDynError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, task: Task<Delivery<J>>) -> Self::Future {
        let id = task.task_id().map(ToString::to_string).unwrap_or_default();
        let is_last = task.args.is_last;
        let (running, settled) = (self.inner.call(task), self.settled.clone());
        Box::pin(async move {
            let outcome = match running.await {
                Ok(_) => Outcome::Done,
                Err(error) => outcome_of(&*error.into(), is_last),
            };
            // The settler runs until no job does.
            let _ended = settled.send(Settled { id, outcome });
            Ok(())
        })
    }
}

fn outcome_of(error: &(dyn Error + Send + Sync + 'static), is_last: bool) -> Outcome {
    let text = chain(error);
    match error.downcast_ref::<JobError>() {
        Some(JobError::Abort(_)) => Outcome::Dead(text),
        _ if is_last => Outcome::Dead(text),
        _ => Outcome::Failed(text),
    }
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

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

    /// Until `fetching` has ended, which is when no job runs any more; then gives back what was never started.
    pub(crate) async fn run(
        self,
        mut outcomes: mpsc::UnboundedReceiver<Settled>,
        mut fetching: JoinHandle<()>,
    ) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                _ = outcomes.recv_many(&mut batch, BATCH) => self.settle(batch.drain(..)).await,
                _ended = &mut fetching => break,
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
        for Settled { id, outcome } in batch {
            let Some(job) = self.held.remove(&id) else {
                continue;
            };
            match outcome {
                Outcome::Done => {
                    counter!("jobs_total", "queue" => queue, "result" => "done").increment(1);
                    done.push(id);
                }
                Outcome::Failed(why) => {
                    counter!("jobs_total", "queue" => queue, "result" => "failed").increment(1);
                    warn!(
                        queue,
                        id,
                        attempt = job.attempt,
                        why,
                        "a job failed and will be tried again"
                    );
                }
                Outcome::Dead(why) => {
                    counter!("jobs_total", "queue" => queue, "result" => "dead").increment(1);
                    error!(queue, id, attempts = job.attempt, why, "a job is given up");
                    if let Err(error) = self.stream.bury(&id, &job, &why, self.config.max_dead).await {
                        warn!(%error, "could not bury a job: it will be taken over and buried then");
                    }
                }
            }
        }
        if !done.is_empty()
            && let Err(error) = self.stream.done(&done).await
        {
            // They will run once more, which handlers bear.
            warn!(queue, %error, jobs = done.len(), "could not acknowledge jobs");
        }
    }

    async fn leave(&self) {
        let idle_ms = (self.config.takeover + Duration::from_millis(1)).as_millis() as u64;
        for id in self.held.ids() {
            let attempt = self.held.remove(&id).map_or(1, |job| job.attempt);
            if let Err(error) = self
                .stream
                .give_back(&self.config.consumer, &id, attempt, idle_ms)
                .await
            {
                warn!(%error, id, "could not give a job back: it will be taken over");
                return;
            }
        }
    }
}
