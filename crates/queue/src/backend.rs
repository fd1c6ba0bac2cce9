//! A queue as an apalis backend: `poll_next` yields what [`crate::fetch`] has taken, the layer reports how it ended to
//! [`crate::settle`], `poll_close` waits until everything is settled and given back.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use apalis_core::{
    backend::{Backend, BackendConfig, finalize::Ephemeral},
    task::Task,
    worker::context::WorkerContext,
};
use fred::clients::Client;
use futures::FutureExt;
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    Delivery, Job, Producer, QueueError, SettleLayer,
    fetch::Fetcher,
    held::Held,
    settle::{Settled, Settler},
};

/// How a consumer behaves.
#[derive(Debug, Clone)]
pub struct StreamConfig {
    /// Its name; unique among all workers.
    pub consumer: String,
    /// Jobs that run at a time.
    pub concurrency: usize,
    /// A job that nobody has vouched for this long is taken over.
    pub takeover: Duration,
    /// Deliveries before a job goes to the dead letters.
    pub max_attempts: u32,
    /// Dead letters that are kept.
    pub max_dead: u64,
}

/// An apalis backend over one queue. Needs the tokio runtime.
pub struct StreamBackend<J: Job> {
    jobs: mpsc::Receiver<Task<Delivery<J>>>,
    settled: mpsc::UnboundedSender<Settled>,
    config: StreamConfig,
    stop: CancellationToken,
    tasks: Pin<Box<JoinHandle<()>>>,
}

impl<J: Job> StreamBackend<J> {
    /// Starts to fetch through `blocking`, a client that nobody else uses; everything else goes through the producer's.
    pub fn new(producer: &Producer, blocking: Client, config: StreamConfig) -> Self {
        let stream = producer.stream(J::QUEUE);
        // One job more than can run: the next is there when one ends, and the rest is left to other workers.
        let (sender, jobs) = mpsc::channel(config.concurrency.max(1));
        let (settled, outcomes) = mpsc::unbounded_channel();
        let (held, stop) = (Held::default(), CancellationToken::new());
        let settler = Settler::new(stream.clone(), config.clone(), held.clone());
        let fetcher = Fetcher {
            blocking: stream.through(blocking),
            stream,
            config: config.clone(),
            held,
            jobs: sender,
            settled: settled.clone(),
            stop: stop.clone(),
        };
        let tasks = tokio::spawn(settler.run(outcomes, tokio::spawn(fetcher.run())));
        Self {
            jobs,
            settled,
            config,
            stop,
            tasks: Box::pin(tasks),
        }
    }
}

impl<J: Job> Drop for StreamBackend<J> {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl<J: Job> Backend for StreamBackend<J> {
    type Task = Task<Delivery<J>>;
    type Error = QueueError;

    fn poll_ready(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), QueueError>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Option<Result<Self::Task, QueueError>>> {
        self.jobs.poll_recv(cx).map(|task| task.map(Ok))
    }

    fn poll_close(&mut self, cx: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), QueueError>> {
        // Called when no job runs any more. What was fetched and not started goes back.
        self.stop.cancel();
        self.jobs.close();
        while self.jobs.try_recv().is_ok() {}
        self.tasks.poll_unpin(cx).map(|_ended| Ok(()))
    }
}

impl<J: Job> BackendConfig for StreamBackend<J> {
    type Args = Delivery<J>;
    type Id = String;
    type Kind = Ephemeral;
    type Config = StreamConfig;
    type Layer = SettleLayer;

    fn config(&self) -> &StreamConfig {
        &self.config
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> SettleLayer {
        SettleLayer::new(self.settled.clone())
    }
}
