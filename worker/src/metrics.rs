//! Every number that this process tells on `/metrics`. How jobs end is counted by the queue (`jobs_total`).

use std::time::Duration;

use ::metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use queue::{Depth, Queue};
use runtime::figures::Kept;
use store::WindowStats;

/// What admin shows of the last hour.
pub const KEPT: Kept = Kept {
    summed: &[
        "worker_events_total",
        "worker_commit_seconds",
        "worker_query_seconds",
        "worker_count_seconds",
        "worker_job_latency_seconds",
        "jobs_total",
    ],
    shared: &["queue_waiting", "queue_running", "queue_dead", "queue_oldest_ms"],
};

const COUNTERS: [(&str, &str); 8] = [
    (
        "worker_vanished_events_total",
        "Events removed because somebody asked to vanish",
    ),
    ("worker_expired_events_total", "Events removed by NIP-40"),
    (
        "worker_banned_events_total",
        "Events removed because an operator banned them",
    ),
    (
        "worker_dead_connections_total",
        "Connections of killed relay-ws processes whose keys were removed",
    ),
    ("worker_endless_counters_total", "Rate-limit keys without an end"),
    (
        "worker_dead_consumers_total",
        "Consumers of killed workers that were removed",
    ),
    (
        "worker_write_policy_failures_total",
        "Children that had to be started again",
    ),
    ("worker_searchable_events_total", "Events that became searchable"),
];

const HISTOGRAMS: [(&str, &str); 6] = [
    ("worker_batch_events", "Events in one commit"),
    ("worker_commit_seconds", "How long a commit takes"),
    ("worker_query_seconds", "How long the query of a REQ takes"),
    ("worker_count_seconds", "How long a COUNT takes"),
    (
        "worker_reconcile_seconds",
        "How long a message of a reconciliation takes",
    ),
    (
        "worker_judged_seconds",
        "How long a verdict of the write policy takes",
    ),
];

const OF_QUEUES: [(&str, &str); 4] = [
    ("queue_waiting", "Jobs that nobody has taken"),
    ("queue_running", "Jobs in the hands of workers"),
    ("queue_dead", "Dead letters"),
    ("queue_oldest_ms", "Age of the oldest job"),
];

/// Says what each means, and starts counters at zero: one that is not there yet has no rate. Once, at the start.
pub fn describe() {
    for (name, text) in COUNTERS {
        describe_counter!(name, text);
        counter!(name).increment(0);
    }
    for (name, text) in HISTOGRAMS {
        describe_histogram!(name, text);
        // To ask for it is to have it.
        drop(histogram!(name));
    }
    for (name, text) in OF_QUEUES {
        describe_gauge!(name, text);
    }
    describe_counter!("worker_events_total", "Events of clients, by what became of them");
    describe_counter!(
        "worker_imported_total",
        "Events of imports, by what became of them"
    );
    counter!("worker_events_total", "outcome" => "stored").increment(0);
    counter!("worker_imported_total", "outcome" => "stored").increment(0);
    counter!("worker_judged_total", "verdict" => "accept").increment(0);
    describe_counter!(
        "worker_filters_total",
        "Filters of REQs, by where they were answered from"
    );
    describe_counter!(
        "worker_judged_total",
        "Events that the write policy was asked of, by its verdict"
    );
    describe_gauge!("worker_sets_bytes", "Bytes of the sets of reconciliations");
    describe_gauge!("worker_window_events", "Newest events in memory");
    describe_gauge!("worker_window_bytes", "Bytes that they take, about");
    describe_histogram!("worker_job_seconds", "How long a job runs, by queue");
    describe_histogram!(
        "worker_job_latency_seconds",
        "From enqueueing a job to its end, by queue"
    );
    describe_counter!("jobs_total", "Runs of jobs, by queue and by how they ended");
    for queue in Queue::ALL.map(Queue::name) {
        drop(histogram!("worker_job_seconds", "queue" => queue));
        drop(histogram!("worker_job_latency_seconds", "queue" => queue));
        for result in ["done", "failed", "dead"] {
            counter!("jobs_total", "queue" => queue, "result" => result).increment(0);
        }
    }
}

/// An event of a client.
pub fn event(outcome: &'static str) {
    counter!("worker_events_total", "outcome" => outcome).increment(1);
}

/// An event of an import.
pub fn imported(outcome: &'static str) {
    counter!("worker_imported_total", "outcome" => outcome).increment(1);
}

/// Events that became searchable.
pub fn searchable(events: usize) {
    counter!("worker_searchable_events_total").increment(events as u64);
}

/// A batch that was committed, or was not.
pub fn commit(events: usize, took: Duration) {
    histogram!("worker_batch_events").record(events as f64);
    histogram!("worker_commit_seconds").record(took);
}

/// The query of a REQ.
pub fn query(took: Duration) {
    histogram!("worker_query_seconds").record(took);
}

/// The query of a COUNT.
pub fn count(took: Duration) {
    histogram!("worker_count_seconds").record(took);
}

/// A message of a reconciliation.
pub fn reconciled(took: Duration) {
    histogram!("worker_reconcile_seconds").record(took);
}

/// The sets of reconciliations.
pub fn sets(bytes: usize) {
    gauge!("worker_sets_bytes").set(bytes as f64);
}

/// A job that ran, however it ended, so long `since` it was enqueued.
pub fn job(queue: Queue, took: Duration, since: Duration) {
    histogram!("worker_job_seconds", "queue" => queue.name()).record(took);
    histogram!("worker_job_latency_seconds", "queue" => queue.name()).record(since.max(took));
}

/// A verdict of the write policy, or that there was none.
pub fn judged(verdict: &'static str, took: Duration) {
    counter!("worker_judged_total", "verdict" => verdict).increment(1);
    histogram!("worker_judged_seconds").record(took);
}

/// A child of the write policy that has to be started again.
pub fn write_policy_failed() {
    counter!("worker_write_policy_failures_total").increment(1);
}

/// What a maintenance task removed.
pub fn removed(what: Removed, count: u64) {
    let name = match what {
        Removed::ExpiredEvents => "worker_expired_events_total",
        Removed::VanishedEvents => "worker_vanished_events_total",
        Removed::BannedEvents => "worker_banned_events_total",
        Removed::DeadConnections => "worker_dead_connections_total",
        Removed::EndlessCounters => "worker_endless_counters_total",
        Removed::DeadConsumers => "worker_dead_consumers_total",
    };
    counter!(name).increment(count);
}

/// What maintenance removes.
#[derive(Debug, Clone, Copy)]
pub enum Removed {
    /// Events.
    ExpiredEvents,
    /// Events.
    VanishedEvents,
    BannedEvents,
    /// Connections.
    DeadConnections,
    /// Keys.
    EndlessCounters,
    /// Consumers of queues.
    DeadConsumers,
}

/// The newest events in memory.
pub fn window(stats: WindowStats) {
    gauge!("worker_window_events").set(stats.events as f64);
    gauge!("worker_window_bytes").set(stats.bytes as f64);
    counter!("worker_filters_total", "answered_from" => "memory").absolute(stats.answered);
    counter!("worker_filters_total", "answered_from" => "postgres").absolute(stats.passed_on);
}

/// The state of a queue at `now_ms`, unix milliseconds.
pub fn depth(queue: Queue, depth: &Depth, now_ms: u64) {
    let set = |name: &'static str, value: u64| gauge!(name, "queue" => queue.name()).set(value as f64);
    set("queue_waiting", depth.waiting);
    set("queue_running", depth.running);
    set("queue_dead", depth.dead);
    set(
        "queue_oldest_ms",
        depth.oldest_ms.map_or(0, |at| now_ms.saturating_sub(at)),
    );
}
