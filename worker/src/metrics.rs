//! Every number that this process tells on `/metrics`. How jobs end is counted by the queue (`jobs_total`).

use std::time::Duration;

use ::metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use queue::{Depth, Queue};
use store::WindowStats;

/// Says what each means; once, at the start.
pub fn describe() {
    describe_counter!("worker_events_total", "Events of clients, by what became of them");
    describe_counter!(
        "worker_imported_total",
        "Events of imports, by what became of them"
    );
    describe_counter!("worker_expired_events_total", "Events removed by NIP-40");
    describe_counter!(
        "worker_dead_connections_total",
        "Connections of killed relay-ws processes whose keys were removed"
    );
    describe_counter!("worker_endless_counters_total", "Rate-limit keys without an end");
    describe_counter!(
        "worker_dead_consumers_total",
        "Consumers of killed workers that were removed"
    );
    describe_histogram!("worker_batch_events", "Events in one commit");
    describe_histogram!("worker_commit_seconds", "How long a commit takes");
    describe_histogram!("worker_query_seconds", "How long the query of a REQ takes");
    describe_histogram!("worker_count_seconds", "How long a COUNT takes");
    describe_histogram!(
        "worker_reconcile_seconds",
        "How long a message of a reconciliation takes"
    );
    describe_gauge!("worker_sets_bytes", "Bytes of the sets of reconciliations");
    describe_histogram!("worker_job_seconds", "How long a job runs, by queue");
    describe_gauge!("worker_window_events", "Newest events in memory");
    describe_gauge!("worker_window_bytes", "Bytes that they take, about");
    describe_counter!(
        "worker_filters_total",
        "Filters of REQs, by where they were answered from"
    );
    describe_counter!(
        "worker_judged_total",
        "Events that the write policy was asked of, by its verdict"
    );
    describe_histogram!("worker_judged_seconds", "How long a verdict takes");
    describe_counter!(
        "worker_write_policy_failures_total",
        "Children that had to be started again"
    );
    describe_counter!("worker_searchable_events_total", "Events that became searchable");
    describe_gauge!("queue_waiting", "Jobs that nobody has taken");
    describe_gauge!("queue_running", "Jobs in the hands of workers");
    describe_gauge!("queue_dead", "Dead letters");
    describe_gauge!("queue_oldest_ms", "Age of the oldest job");
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

/// A job that ran, however it ended.
pub fn job(queue: Queue, took: Duration) {
    histogram!("worker_job_seconds", "queue" => queue.name()).record(took);
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
