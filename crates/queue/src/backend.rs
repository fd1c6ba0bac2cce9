//! A queue as an apalis backend: `poll_next` yields what [`crate::consumer`] has taken, the layer reports how it ended
//! to [`crate::acknowledge`], `poll_close` waits until everything is settled and given back.

use std::{
    pin::Pin,
    sync::{Arc, atomic::AtomicI64},
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
use parking_lot::Mutex;
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    Delivery, Job, Producer, QueueError, SettleLayer,
    acknowledge::Settler,
    consumer::{Consumer, Lease, Ready},
    held::Held,
    server_clock::ServerClock,
    settle::Settled,
};

/// Who takes new jobs of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Every worker.
    All,
    /// One worker at a time, for jobs that cost less when they are done together; another within a second when that one is gone, and
    /// within three when it does not get on.
    OneAtATime,
}

/// How a consumer behaves.
#[derive(Debug, Clone)]
pub struct StreamConfig {
    /// Its name; unique among all workers.
    pub consumer: String,
    /// Who takes new jobs; all consumers of a queue say the same.
    pub readers: Readers,
    /// A key of Redis that holds a number; it is read together with new jobs ([`Delivery::seen`]).
    pub watched: Option<String>,
    /// Jobs that run at a time; also what apalis is told. A quarter more is taken in advance.
    pub concurrency: usize,
    /// A job that nobody has vouched for this long is taken over.
    pub takeover: Duration,
    /// Deliveries before a job goes to the dead letters.
    pub max_attempts: u32,
    /// Dead letters that are kept, about: Redis trims whole nodes of a stream.
    pub max_dead: u64,
}

/// An apalis backend over one queue. Needs the tokio runtime.
///
/// A backend that is dropped without having been closed (its worker was aborted) gives back what it holds as well; the
/// attempts of jobs that had begun count.
pub struct StreamBackend<J: Job> {
    ready: Ready<J>,
    settled: mpsc::UnboundedSender<Settled>,
    config: StreamConfig,
    leaving: CancellationToken,
    stop: CancellationToken,
    tasks: Pin<Box<JoinHandle<()>>>,
}

impl<J: Job> StreamBackend<J> {
    /// Starts to take jobs through `blocking`, a client that nobody else uses and that has no command timeout;
    /// everything else goes through the producer's.
    ///
    /// `leaving` is cancelled when apalis is told to stop. apalis closes a backend when the last job has ended, and jobs that
    /// have not begun must not wait for that.
    pub fn new(
        producer: &Producer,
        blocking: Client,
        config: StreamConfig,
        leaving: &CancellationToken,
    ) -> Self {
        let stream = producer.stream(J::QUEUE);
        let (jobs, ready) = mpsc::unbounded_channel();
        let ready = Arc::new(Mutex::new(ready));
        let (settled, outcomes) = mpsc::unbounded_channel();
        let held = Held::new(config.concurrency);
        let stop = CancellationToken::new();
        let leaving = leaving.child_token();
        let settler = Settler::new(stream.clone(), config.clone(), held.clone());
        let consumer = Consumer {
            blocking: stream.through(blocking),
            stream,
            config: config.clone(),
            held,
            lease: Lease::new(config.readers),
            clock: ServerClock::default(),
            reading: AtomicI64::default(),
            jobs,
            ready: Arc::clone(&ready),
            settled: settled.clone(),
            leaving: leaving.clone(),
            stop: stop.clone(),
        };
        let tasks = tokio::spawn(settler.run(outcomes, tokio::spawn(consumer.run())));
        Self {
            ready,
            settled,
            config,
            leaving,
            stop,
            tasks: Box::pin(tasks),
        }
    }

    fn end(&self) {
        self.leaving.cancel();
        self.stop.cancel();
    }
}

impl<J: Job> Drop for StreamBackend<J> {
    fn drop(&mut self) {
        self.end();
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
        self.ready.lock().poll_recv(cx).map(|task| task.map(Ok))
    }

    /// Called when no job runs any more.
    fn poll_close(&mut self, cx: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), QueueError>> {
        self.end();
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
