//! A queue of one's own, and workers that write down what they do.

use std::{collections::HashMap, sync::Arc, time::Duration};

use apalis::prelude::{Data, Monitor, WorkerBuilder, WorkerBuilderExt};
use fred::{
    interfaces::{KeysInterface, ListInterface, StreamsInterface},
    types::Value,
};
use queue::{Delivery, Depth, Job, JobError, Producer, Queue, Readers, StreamBackend, StreamConfig};
use runtime::redis::{self, RedisClient};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Mutex, Notify},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A job that says what is to become of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errand {
    pub number: u32,
    pub fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fate {
    Succeed,
    /// Fail until this attempt.
    FailUntil(u32),
    Abort,
    Panic,
    /// Wait until the test lets go.
    Hold,
    /// Take the whole process down.
    Kill,
}

impl Job for Errand {
    const QUEUE: Queue = Queue::Import;
}

pub fn errand(number: u32, fate: Fate) -> Errand {
    Errand { number, fate }
}

/// A queue in a namespace of its own.
pub struct Fixture {
    pub producer: Producer,
    pub redis: RedisClient,
    pub namespace: String,
}

/// What workers did, and the lever for those that hold.
#[derive(Default)]
pub struct Ledger {
    /// (worker, number, attempt) of each run that began.
    pub begun: Mutex<Vec<(String, u32, u32)>>,
    pub done: Mutex<Vec<u32>>,
    /// What was seen at the watched key with each run that began.
    pub seen: Mutex<Vec<Option<u64>>>,
    pub release: Notify,
    /// Where a process of its own leaves word of each run that began.
    pub witness: Option<(RedisClient, String)>,
}

impl Fixture {
    pub async fn new() -> Self {
        Self::of(testkit::namespace()).await
    }

    /// The same queue from elsewhere: connections of its own.
    pub async fn of(namespace: String) -> Self {
        let redis = redis::connect(&testkit::redis_url(), &namespace).await.unwrap();
        Self {
            producer: Producer::new(redis.clone(), &namespace),
            redis,
            namespace,
        }
    }

    pub fn key(&self) -> String {
        format!("{}queue:nostr:import", self.namespace)
    }

    pub async fn depth(&self) -> Depth {
        self.producer.depth(Queue::Import).await.unwrap()
    }

    /// The names of the consumers.
    pub async fn consumers(&self) -> Vec<String> {
        let consumers: Vec<HashMap<String, Value>> =
            self.redis.xinfo_consumers(self.key(), "workers").await.unwrap();
        let names = consumers
            .iter()
            .map(|consumer| consumer["name"].as_string().unwrap());
        names.collect()
    }

    pub async fn has_key(&self, name: &str) -> bool {
        let count: u64 = self
            .redis
            .exists(format!("{}{name}", self.namespace))
            .await
            .unwrap();
        count > 0
    }

    pub async fn push(&self, errands: impl IntoIterator<Item = Errand>) {
        for errand in errands {
            self.producer.push(&errand).await.unwrap();
        }
    }

    /// The key that is read together with new jobs.
    pub fn watched(&self) -> String {
        format!("{}watched", self.namespace)
    }

    /// A worker that reads beside the others.
    pub async fn worker(&self, name: &str, concurrency: usize, ledger: &Arc<Ledger>) -> Worker {
        self.worker_among(Readers::All, name, concurrency, ledger).await
    }

    pub async fn worker_among(
        &self,
        readers: Readers,
        name: &str,
        concurrency: usize,
        ledger: &Arc<Ledger>,
    ) -> Worker {
        let config = StreamConfig {
            consumer: name.to_owned(),
            readers,
            watched: Some(self.watched()),
            concurrency,
            takeover: Duration::from_millis(300),
            max_attempts: 3,
            max_dead: 1000,
        };
        let producer = self.producer.clone();
        let blocking = redis::connect_blocking(&testkit::redis_url(), &self.namespace)
            .await
            .unwrap();
        let (name, ledger) = (name.to_owned(), Arc::clone(ledger));
        let stop = CancellationToken::new();
        let leaving = stop.clone();
        let monitor = Monitor::new().register(move |_restart| {
            WorkerBuilder::new(name.as_str())
                .backend(StreamBackend::<Errand>::new(
                    &producer,
                    blocking.clone(),
                    config.clone(),
                    &leaving,
                ))
                .data((name.clone(), Arc::clone(&ledger)))
                .concurrency(concurrency)
                .catch_panic()
                .build(run)
        });
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let stopping = async move {
                stopped.cancelled().await;
                Ok(())
            };
            monitor.run_with_signal(stopping).await.unwrap();
        });
        Worker { task, stop }
    }
}

/// A worker of a test.
pub struct Worker {
    pub task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Worker {
    /// Ends it gracefully.
    pub async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task)
            .await
            .expect("it ends")
            .unwrap();
    }
}

async fn run(delivery: Delivery<Errand>, data: Data<(String, Arc<Ledger>)>) -> Result<(), JobError> {
    let ((name, ledger), Errand { number, fate }) = (&*data, delivery.job);
    ledger
        .begun
        .lock()
        .await
        .push((name.clone(), number, delivery.attempt));
    ledger.seen.lock().await.push(delivery.seen);
    if let Some((redis, key)) = &ledger.witness {
        redis.rpush::<(), _, _>(key, number).await.unwrap();
    }
    match fate {
        Fate::Succeed => {}
        Fate::FailUntil(attempt) if delivery.attempt < attempt => return Err(JobError::retry("not yet")),
        Fate::FailUntil(_) => {}
        Fate::Abort => return Err(JobError::abort("hopeless")),
        Fate::Panic => panic!("a panic in job {number}"),
        Fate::Kill => std::process::abort(),
        Fate::Hold => ledger.release.notified().await,
    }
    ledger.done.lock().await.push(number);
    Ok(())
}

/// The attempts of a job, by the workers that this process has.
pub async fn attempts(ledger: &Ledger, number: u32) -> Vec<u32> {
    let begun = ledger.begun.lock().await;
    let runs = begun.iter().filter(|run| run.1 == number);
    runs.map(|run| run.2).collect()
}

/// Waits for a condition.
pub async fn until(what: &str, mut is_true: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !is_true().await {
        assert!(tokio::time::Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
