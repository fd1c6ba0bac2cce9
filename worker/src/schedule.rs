//! The table of recurring jobs.

use std::time::Duration;

use queue::{
    Producer, Schedule,
    jobs::{Maintenance, Task, Version},
};
use tokio_util::sync::CancellationToken;

/// Name, interval in seconds, task.
const TABLE: [(&str, u64, Task); 9] = [
    ("expired_events", 10, Task::ExpiredEvents),
    ("vanished_events", 10, Task::VanishedEvents),
    ("dead_connections", 5, Task::DeadConnections),
    ("rate_limit_keys", 600, Task::RateLimitKeys),
    ("dead_consumers", 60, Task::DeadConsumers),
    ("lapsed_subscriptions", 5, Task::LapsedSubscriptions),
    ("member_list", 60, Task::MemberList),
    ("searchable_events", 1, Task::SearchableEvents),
    ("banned_events", 10, Task::BannedEvents),
];

/// Enqueues each when it is due, unless another worker has, until `stop`.
pub fn start(producer: &Producer, stop: &CancellationToken) {
    for (name, seconds, task) in TABLE {
        let job = Maintenance { v: Version, task };
        let schedule = Schedule {
            name,
            every: Duration::from_secs(seconds),
            job,
        };
        tokio::spawn(schedule.run(producer.clone(), stop.clone()));
    }
}
