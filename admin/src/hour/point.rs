//! One slot, as far as the pages look at it.

use queue::Queue;
use runtime::figures::{Slot, quantile};

/// What all processes counted in five seconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Point {
    /// Unix seconds of its start.
    pub start: u64,
    /// Whether anybody wrote.
    pub is_written: bool,
    /// Open websockets.
    pub connections: f64,
    /// Open subscriptions.
    pub subscriptions: f64,
    /// Messages from clients.
    pub messages: f64,
    /// Events that were new.
    pub stored: f64,
    /// Events that were answered, new or not.
    pub events: f64,
    /// New events sent to live subscriptions.
    pub deliveries: f64,
    /// Bytes from clients.
    pub received_bytes: f64,
    /// Bytes to clients.
    pub sent_bytes: f64,
    /// Messages and connections refused as too many.
    pub refused: f64,
    /// By queue, in the order of [`Queue::ALL`].
    pub queues: [QueuePoint; Queue::ALL.len()],
    /// From taking an event in to its commit.
    pub ingest: Latency,
    /// Queries of REQs.
    pub query: Latency,
    /// The smallest statement, in seconds.
    pub postgres_s: Option<f64>,
    /// The slowest Redis, in seconds.
    pub redis_s: Option<f64>,
    /// Bytes of data in Redis.
    pub redis_bytes: Option<f64>,
    /// Bytes of the database.
    pub database_bytes: Option<f64>,
}

/// A queue in a slot.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct QueuePoint {
    /// Jobs that nobody has taken.
    pub waiting: f64,
    /// Jobs that workers have.
    pub running: f64,
    /// Dead letters.
    pub dead: f64,
    /// Age of the oldest job, milliseconds.
    pub oldest_ms: f64,
    /// Runs that ended well.
    pub done: f64,
    /// Runs that failed and will be tried again.
    pub failed: f64,
    /// Jobs given up.
    pub buried: f64,
}

/// How long something took: upper bounds in seconds, and how often it lay below.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Latency(Vec<(f64, f64)>);

impl Latency {
    fn of(slot: &Slot, series: &str) -> Self {
        let mut buckets = Vec::new();
        slot.add_buckets(series, &mut buckets);
        Self(buckets)
    }

    /// Adds what another slot had.
    pub fn add(&mut self, other: &Self) {
        for (bound, count) in &other.0 {
            match self.0.iter_mut().find(|(known, _)| known == bound) {
                Some((_, sum)) => *sum += count,
                None => self.0.push((*bound, *count)),
            }
        }
    }

    /// The seconds that a share of them stayed below; `None` when there were none.
    pub fn quantile(&mut self, of: f64) -> Option<f64> {
        quantile(&mut self.0, of)
    }
}

impl Point {
    /// Of what the processes wrote.
    pub fn of(slot: &Slot) -> Self {
        let largest = |metric: &str| {
            let of_metric = |field: &&String| {
                field
                    .strip_prefix(metric)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
            };
            let fields = slot.values.keys().filter(of_metric);
            fields.filter_map(|field| slot.get(field)).reduce(f64::max)
        };
        Self {
            start: slot.start,
            is_written: !slot.values.is_empty(),
            connections: slot.sum("relay_connections"),
            subscriptions: slot.sum("relay_subscriptions"),
            messages: slot.sum("relay_received_messages_total"),
            stored: slot.get("worker_events_total{stored}").unwrap_or_default(),
            events: slot.sum("worker_events_total"),
            deliveries: slot.sum("relay_live_deliveries_total"),
            received_bytes: slot.sum("relay_received_bytes_total"),
            sent_bytes: slot.sum("relay_sent_bytes_total"),
            refused: slot.sum("relay_rate_limited_total") + slot.sum("relay_connections_refused_total"),
            queues: Queue::ALL.map(|queue| QueuePoint::of(slot, queue)),
            ingest: Latency::of(slot, "worker_job_latency_seconds{nostr:event}"),
            query: Latency::of(slot, "worker_query_seconds"),
            postgres_s: slot.get("postgres_latency_seconds"),
            redis_s: largest("redis_latency_seconds"),
            redis_bytes: largest("redis_used_bytes"),
            database_bytes: slot.get("postgres_database_bytes"),
        }
    }
}

impl QueuePoint {
    fn of(slot: &Slot, queue: Queue) -> Self {
        let level = |metric: &str| slot.get(&format!("{metric}{{{queue}}}")).unwrap_or_default();
        let ended = |how: &str| {
            slot.get(&format!("jobs_total{{{queue},{how}}}"))
                .unwrap_or_default()
        };
        Self {
            waiting: level("queue_waiting"),
            running: level("queue_running"),
            dead: level("queue_dead"),
            oldest_ms: level("queue_oldest_ms"),
            done: ended("done"),
            failed: ended("failed"),
            buried: ended("dead"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_read_into_a_point() {
        let values = [
            ("relay_connections", 3.0),
            ("worker_events_total{stored}", 5.0),
            ("worker_events_total{duplicate}", 2.0),
            ("queue_waiting{nostr:event}", 4.0),
            ("jobs_total{nostr:event,dead}", 1.0),
            ("worker_job_latency_seconds{nostr:event}<0.005", 10.0),
            ("worker_job_latency_seconds{nostr:req}<10", 10.0),
            ("redis_used_bytes{jobs}", 7.0),
            ("redis_used_bytes{data}", 9.0),
        ]
        .map(|(field, value)| (field.to_owned(), value))
        .into();
        let mut point = Point::of(&Slot { start: 10, values });
        assert_eq!((point.connections, point.stored, point.events), (3.0, 5.0, 7.0));
        assert_eq!((point.queues[2].waiting, point.queues[2].buried), (4.0, 1.0));
        assert!(point.ingest.quantile(0.99).is_some_and(|p99| p99 < 0.005));
        assert_eq!((point.query.quantile(0.5), point.redis_bytes), (None, Some(9.0)));
    }
}
