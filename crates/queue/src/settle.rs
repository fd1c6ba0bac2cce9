//! How jobs end: done, to be tried again, or dead. The layer around the handler finds out; [`crate::acknowledge`] writes
//! it to Redis.

use std::{
    error::Error,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use apalis_core::{
    error::{AbortError, BoxDynError},
    task::Task,
};
use tokio::sync::mpsc;
use tower::{Layer, Service};
use tracing::{Instrument, info_span};

use crate::{Delivery, Job, JobError};

/// Characters of an error that a dead letter keeps: it is read by people, and there may be many.
const MAX_ERROR: usize = 2_000;

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
    Dead {
        why: String,
        /// By a panic, which reports itself.
        by_panic: bool,
    },
}

/// Wraps the handler: runs each job in a span with its queue, id and attempt, and reports how it ended.
///
/// The handler's error says what becomes of the job when it is a [`JobError`]; anything else, a panic that was caught
/// included, means another attempt.
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
    J: Job,
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
        let Delivery { attempt, is_last, .. } = task.args;
        let span = info_span!("job", queue = J::QUEUE.name(), id, attempt);
        let (running, settled) = (self.inner.call(task).instrument(span), self.settled.clone());
        Box::pin(async move {
            let outcome = match running.await {
                Ok(_) => Outcome::Done,
                Err(error) => outcome_of(&*error.into(), is_last),
            };
            // The settler runs as long as any job does. apalis need not know of failures: they are settled here.
            let _ended = settled.send(Settled { id, outcome });
            Ok(())
        })
    }
}

fn outcome_of(error: &(dyn Error + Send + Sync + 'static), is_last: bool) -> Outcome {
    let why = chain(error);
    let is_hopeless = matches!(error.downcast_ref(), Some(JobError::Abort(_)));
    if is_hopeless || is_last {
        // Handlers fail with a `JobError`. An abort that is none is apalis's word for a panic that it caught.
        let by_panic = error.is::<AbortError>();
        Outcome::Dead { why, by_panic }
    } else {
        Outcome::Failed(why)
    }
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text.chars().take(MAX_ERROR).collect()
}
