//! Recurring jobs.

use std::{collections::HashMap, time::Duration};

use fred::interfaces::StreamsInterface;
use queue::{Queue, Schedule};
use tokio_util::sync::CancellationToken;

use crate::fixture::{Fate, Fixture, errand, until};

#[tokio::test]
async fn a_recurring_job_is_enqueued_once_per_interval_by_all_together() {
    let (queue, stop) = (Fixture::new().await, CancellationToken::new());
    for _ in 0..3 {
        let every = Duration::from_secs(3600);
        let schedule = Schedule {
            name: "test",
            every,
            job: errand(1, Fate::Succeed),
        };
        // As different processes: each through a connection of its own.
        let other = Fixture::of(queue.namespace.clone()).await;
        tokio::spawn(schedule.run(other.producer, stop.clone()));
    }
    let schedule = Schedule {
        name: "other",
        every: Duration::from_millis(50),
        job: errand(2, Fate::Succeed),
    };
    tokio::spawn(schedule.run(queue.producer.clone(), stop.clone()));
    // The quick one shows that time has passed.
    until("the quick one recurs", async || {
        queue.producer.waiting(Queue::Import).await.unwrap() >= 4
    })
    .await;
    stop.cancel();
    let entries: Vec<(String, HashMap<String, String>)> = queue
        .redis
        .xrange_values(queue.key(), "-", "+", None)
        .await
        .unwrap();
    let slow = entries
        .iter()
        .filter(|(_, fields)| fields["job"].contains("\"number\":1"))
        .count();
    assert_eq!(slow, 1);
}
