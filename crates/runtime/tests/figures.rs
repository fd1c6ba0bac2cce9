//! The hour of figures: what several processes write is read as one.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use metrics::{Key, Label, Level, Metadata, Recorder, Unit};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};
use runtime::{
    clock::unix_millis,
    figures::{Figures, History, Kept, Reporting, Slot, quantile},
    redis::{self, RedisClient},
};

const KEPT: Kept = Kept {
    summed: &["relay_connections", "jobs_total", "worker_commit_seconds"],
    shared: &["queue_waiting"],
};

const HERE: Metadata<'_> = Metadata::new("test", Level::INFO, None);

/// A process with metrics of its own.
struct Process {
    recorder: PrometheusRecorder,
    reporting: Reporting,
}

impl Process {
    fn start(redis: &RedisClient, namespace: &str, id: &str) -> Self {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &[0.001, 0.01, 0.1])
            .unwrap()
            .build_recorder();
        recorder.describe_counter("jobs_total".into(), Some(Unit::Count), "Jobs".into());
        let figures = Figures {
            client: redis.clone(),
            namespace: namespace.to_owned(),
            metrics: recorder.handle(),
            kept: KEPT,
        };
        let reporting = figures.report(id, "worker");
        Self { recorder, reporting }
    }

    fn count(&self, queue: &'static str, jobs: u64) {
        let key = Key::from_parts("jobs_total", vec![Label::new("queue", queue)]);
        self.recorder.register_counter(&key, &HERE).increment(jobs);
    }

    fn level(&self, name: &'static str, value: f64) {
        self.recorder
            .register_gauge(&Key::from_name(name), &HERE)
            .set(value);
    }

    fn took(&self, seconds: f64) {
        let key = Key::from_name("worker_commit_seconds");
        self.recorder.register_histogram(&key, &HERE).record(seconds);
    }
}

/// What was written until now, in whichever slots it fell.
async fn written(history: &History) -> Vec<Slot> {
    // The slot that still runs is read as if it were complete.
    history.slots(0, unix_millis() + 5_000).await.unwrap()
}

#[tokio::test]
async fn what_processes_count_is_added_up_and_outlives_them() {
    let namespace = testkit::namespace();
    let redis = redis::connect(&testkit::redis_url(), "test").await.unwrap();
    let history = History::new(redis.clone(), namespace.clone());
    let [one, other] = ["0000000a", "0000000b"].map(|id| Process::start(&redis, &namespace, id));
    one.count("a", 3);
    one.level("relay_connections", 5.0);
    one.level("queue_waiting", 7.0);
    other.count("a", 4);
    other.count("b", 1);
    other.level("relay_connections", 6.0);
    other.level("queue_waiting", 7.0);
    for _ in 0..99 {
        other.took(0.005);
    }
    one.took(0.05);
    tokio::time::timeout(Duration::from_secs(20), async {
        while history.processes(unix_millis()).await.unwrap().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("both tell of themselves");
    for process in [one, other] {
        process.reporting.end().await;
    }

    let slots = written(&history).await;
    assert_eq!(slots.len(), 720, "an hour of slots, the empty ones too");
    let sum = |metric: &str| slots.iter().map(|slot| slot.sum(metric)).sum::<f64>();
    assert_eq!(sum("jobs_total"), 8.0);
    let of_a: f64 = slots.iter().filter_map(|slot| slot.get("jobs_total{a}")).sum();
    assert_eq!(of_a, 7.0);
    let most = |metric: &str| slots.iter().map(|slot| slot.sum(metric)).fold(0.0, f64::max);
    assert!(
        [11.0, 6.0].contains(&most("relay_connections")),
        "in one slot, or in two"
    );
    assert_eq!(most("queue_waiting"), 7.0, "measured twice, there once");
    let mut buckets = Vec::new();
    slots
        .iter()
        .for_each(|slot| slot.add_buckets("worker_commit_seconds", &mut buckets));
    assert_eq!(buckets.iter().map(|(_, count)| count).sum::<f64>(), 100.0);
    let p99 = quantile(&mut buckets, 0.99).unwrap();
    assert!((0.0099..=0.0101).contains(&p99), "{p99}");
    assert!(
        history.processes(unix_millis()).await.unwrap().is_empty(),
        "they signed off"
    );
}
