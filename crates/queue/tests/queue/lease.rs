//! Workers of which one reads at a time.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use fred::{interfaces::KeysInterface, types::Expiration};
use queue::Readers;

use crate::fixture::{Fate, Fixture, Ledger, Worker, errand, until};

struct Pair {
    queue: Fixture,
    ledger: Arc<Ledger>,
}

impl Pair {
    async fn new() -> Self {
        Self {
            queue: Fixture::new().await,
            ledger: Arc::default(),
        }
    }

    async fn worker(&self, name: &str) -> Worker {
        let one_at_a_time = Readers::OneAtATime;
        self.queue
            .worker_among(one_at_a_time, name, 4, &self.ledger)
            .await
    }

    /// Who reads now: the one who gets this job.
    async fn reader(&self, number: u32) -> String {
        self.queue.push([errand(number, Fate::Succeed)]).await;
        until("it is done", async || {
            self.ledger.done.lock().await.contains(&number)
        })
        .await;
        let begun = self.ledger.begun.lock().await;
        begun.iter().find(|run| run.1 == number).unwrap().0.clone()
    }
}

#[tokio::test]
async fn one_reads_until_it_stops_and_then_the_other() {
    let pair = Pair::new().await;
    let first = pair.worker("first").await;
    assert_eq!(pair.reader(0).await, "first");
    let second = pair.worker("second").await;
    // Longer than a lease lasts that nobody renews.
    let (began, mut number) = (Instant::now(), 1);
    while began.elapsed() < Duration::from_secs(1) {
        assert_eq!(pair.reader(number).await, "first");
        number += 1;
    }
    first.stop().await;
    assert_eq!(pair.reader(number).await, "second");
    second.stop().await;
    assert!(!pair.queue.has_key("queue:nostr:import:reader").await, "given up");
}

#[tokio::test]
async fn a_reader_that_died_is_succeeded() {
    let pair = Pair::new().await;
    let lease = format!("{}:reader", pair.queue.key());
    let set = pair
        .queue
        .redis
        .set::<(), _, _>(&lease, "dead", Some(Expiration::PX(400)), None, false);
    set.await.unwrap();
    let heir = pair.worker("heir").await;
    assert_eq!(pair.reader(0).await, "heir");
    heir.stop().await;
}

#[tokio::test]
async fn a_reader_that_does_not_get_on_is_succeeded() {
    let pair = Pair::new().await;
    let first = pair.worker("first").await;
    pair.queue.push([errand(0, Fate::Hold)]).await;
    until("it runs", async || pair.ledger.begun.lock().await.len() == 1).await;
    let second = pair.worker("second").await;
    let mut number = 0;
    until("the other reads", async || {
        number += 1;
        pair.reader(number).await == "second"
    })
    .await;
    pair.ledger.release.notify_waiters();
    until("it gets on", async || pair.ledger.done.lock().await.contains(&0)).await;
    assert_eq!(
        pair.reader(number + 1).await,
        "second",
        "who reads goes on reading"
    );
    second.stop().await;
    assert_eq!(pair.reader(number + 2).await, "first");
    first.stop().await;
}
