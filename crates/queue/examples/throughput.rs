//! What a job costs: enqueues jobs, lets a worker take them, and prints jobs/s and the CPU of this process and of Redis.
//!
//! `REDIS_URL=redis://127.0.0.1:6379 cargo run --release -p switchyard-queue --example throughput -- [jobs] [concurrency]`
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement prints, and stops when something fails"
)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use apalis::prelude::{Data, WorkerBuilder, WorkerBuilderExt};
use fred::interfaces::{ClientLike, KeysInterface};
use queue::{Delivery, Job, JobError, Producer, Queue, Readers, StreamBackend, StreamConfig};
use runtime::redis::{self, RedisClient};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Jobs that are enqueued at a time, as a busy relay-ws process would.
const IN_FLIGHT: usize = 256;

#[derive(Serialize, Deserialize)]
struct Work {
    number: usize,
    text: String,
}

impl Job for Work {
    const QUEUE: Queue = Queue::Import;
}

#[derive(Default)]
struct Done {
    count: AtomicUsize,
    wanted: usize,
    all: Notify,
}

async fn work(_: Delivery<Work>, done: Data<Arc<Done>>) -> Result<(), JobError> {
    if done.count.fetch_add(1, Ordering::Relaxed) + 1 == done.wanted {
        done.all.notify_one();
    }
    Ok(())
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse().unwrap());
    let (jobs, concurrency) = (
        arguments.next().unwrap_or(200_000),
        arguments.next().unwrap_or(64),
    );
    let (url, namespace) = (testkit::redis_url(), testkit::namespace());
    let redis = redis::connect(&url, "throughput").await.unwrap();
    let producer = Producer::new(redis.clone(), &namespace);

    let start = Meter::start(&redis).await;
    let senders = (0..IN_FLIGHT).map(|first| enqueue(producer.clone(), first, jobs));
    futures::future::join_all(senders).await;
    start.report("enqueue", jobs, &redis).await;

    let done = Arc::new(Done {
        wanted: jobs,
        ..Done::default()
    });
    let config = StreamConfig {
        consumer: "throughput".to_owned(),
        readers: Readers::All,
        watched: None,
        concurrency,
        takeover: Duration::from_secs(3),
        max_attempts: 5,
        max_dead: 10,
    };
    let blocking = redis::connect_blocking(&url, "throughput").await.unwrap();
    let start = Meter::start(&redis).await;
    let worker = WorkerBuilder::new("throughput")
        .backend(StreamBackend::<Work>::new(
            &producer,
            blocking,
            config,
            &CancellationToken::new(),
        ))
        .data(Arc::clone(&done))
        .concurrency(concurrency)
        .build(work);
    let worker = tokio::spawn(worker.run_until(async move {
        done.all.notified().await;
        Ok::<(), apalis::prelude::WorkerError>(())
    }));
    worker.await.unwrap().unwrap();
    start.report("consume", jobs, &redis).await;
    assert_eq!(
        producer.waiting(Queue::Import).await.unwrap(),
        0,
        "nothing is left"
    );
    let _: () = redis
        .del(format!("{namespace}queue:{}", Queue::Import.name()))
        .await
        .unwrap();
}

/// Every [`IN_FLIGHT`]-th job.
async fn enqueue(producer: Producer, first: usize, jobs: usize) {
    for number in (first..jobs).step_by(IN_FLIGHT) {
        let text = "about as long as a short note, which is what most jobs carry".to_owned();
        producer.push(&Work { number, text }).await.unwrap();
    }
}

/// The clock and the CPU used so far, in microseconds.
struct Meter {
    at: Instant,
    own: f64,
    redis: f64,
}

impl Meter {
    async fn start(redis: &RedisClient) -> Self {
        Self {
            at: Instant::now(),
            own: own_cpu(),
            redis: redis_cpu(redis).await,
        }
    }

    async fn report(self, what: &str, jobs: usize, redis: &RedisClient) {
        let jobs = jobs as f64;
        println!(
            "{what}: {:.0} jobs/s, {:.2} µs of CPU here and {:.2} µs in Redis a job",
            jobs / self.at.elapsed().as_secs_f64(),
            (own_cpu() - self.own) / jobs,
            (redis_cpu(redis).await - self.redis) / jobs,
        );
    }
}

/// User and system time of this process; Linux counts in hundredths of a second.
fn own_cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    let ticks: f64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<f64>().unwrap())
        .sum();
    ticks * 10_000.0
}

async fn redis_cpu(redis: &RedisClient) -> f64 {
    let info: String = redis.info(Some(fred::types::InfoKind::Cpu)).await.unwrap();
    let seconds: f64 = info
        .lines()
        .filter_map(|line| {
            let used = line
                .strip_prefix("used_cpu_sys:")
                .or_else(|| line.strip_prefix("used_cpu_user:"));
            used?.parse::<f64>().ok()
        })
        .sum();
    seconds * 1e6
}
