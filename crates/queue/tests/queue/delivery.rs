//! Jobs that go well.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use fred::interfaces::{KeysInterface, StreamsInterface};
use queue::Queue;

use crate::fixture::{Fate, Fixture, Ledger, errand, until};

#[tokio::test]
async fn jobs_run_in_the_order_in_which_they_were_enqueued() {
    let (queue, ledger) = (Fixture::new().await, Arc::new(Ledger::default()));
    queue.push((0..500).map(|n| errand(n, Fate::Succeed))).await;
    let worker = queue.worker("one", 1, &ledger).await;
    until("500 done", async || ledger.done.lock().await.len() == 500).await;
    assert_eq!(*ledger.done.lock().await, (0..500).collect::<Vec<_>>());
    worker.stop().await;
    assert_eq!(
        queue.redis.xlen::<u64, _>(queue.key()).await.unwrap(),
        0,
        "what is done is gone"
    );
}

#[tokio::test]
async fn workers_share_and_none_takes_more_than_it_can_run() {
    let (queue, ledger) = (Fixture::new().await, Arc::new(Ledger::default()));
    let one = queue.worker("one", 2, &ledger).await;
    queue.push((0..20).map(|n| errand(n, Fate::Hold))).await;
    until("the first is full", async || ledger.begun.lock().await.len() == 2).await;
    let other = queue.worker("other", 2, &ledger).await;
    until("both are full", async || ledger.begun.lock().await.len() == 4).await;
    let names: BTreeSet<String> = ledger
        .begun
        .lock()
        .await
        .iter()
        .map(|(name, ..)| name.clone())
        .collect();
    assert_eq!(names.len(), 2);
    until("all done", async || {
        ledger.release.notify_waiters();
        ledger.done.lock().await.len() == 20
    })
    .await;
    let runs = ledger.begun.lock().await;
    assert!(
        runs.iter().all(|(_, _, attempt)| *attempt == 1),
        "each ran once: {runs:?}"
    );
    drop(runs);
    one.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn a_backlog_is_drained_however_long() {
    let (queue, ledger) = (Fixture::new().await, Arc::new(Ledger::default()));
    let json = serde_json::to_string(&errand(1, Fate::Succeed)).unwrap();
    let pushes = (0..20_000).map(|_| queue.producer.push_json(Queue::Import, json.clone()));
    futures::future::try_join_all(pushes).await.unwrap();
    assert_eq!(queue.depth().await.waiting, 20_000);
    let worker = queue.worker("one", 64, &ledger).await;
    until("all done", async || ledger.done.lock().await.len() == 20_000).await;
    worker.stop().await;
    assert_eq!(queue.producer.waiting(Queue::Import).await.unwrap(), 0);
}

#[tokio::test]
async fn depth_tells_what_waits_runs_and_how_old_it_is() {
    let (queue, ledger) = (Fixture::new().await, Arc::new(Ledger::default()));
    assert_eq!(queue.depth().await, queue::Depth::default());
    let oldest_held = async || queue.producer.oldest_held(Queue::Import).await.unwrap();
    assert_eq!(oldest_held().await, None, "no stream, and no group");
    queue.push((0..10).map(|n| errand(n, Fate::Hold))).await;
    let oldest = queue
        .producer
        .depth(Queue::Import)
        .await
        .unwrap()
        .oldest_ms
        .unwrap();
    assert!(runtime::clock::unix_millis().abs_diff(oldest) < 60_000);
    let worker = queue.worker("one", 3, &ledger).await;
    until("three run", async || ledger.begun.lock().await.len() == 3).await;
    let depth = queue.depth().await;
    assert_eq!(
        (depth.waiting, depth.running),
        (7, 3),
        "nothing is taken in advance"
    );
    until("the oldest grows older", async || {
        oldest_held()
            .await
            .is_some_and(|age| age >= Duration::from_millis(20))
    })
    .await;
    until("all done", async || {
        ledger.release.notify_waiters();
        ledger.done.lock().await.len() == 10
    })
    .await;
    worker.stop().await;
    assert_eq!(oldest_held().await, None, "nobody holds any");
}

#[tokio::test]
async fn a_job_comes_with_what_stood_at_the_watched_key_after_it_was_enqueued() {
    let (queue, ledger) = (Fixture::new().await, Arc::new(Ledger::default()));
    let worker = queue.worker("one", 1, &ledger).await;
    let run = async |number: u32| {
        queue.push([errand(number, Fate::Succeed)]).await;
        until("done", async || ledger.done.lock().await.contains(&number)).await;
    };
    let set = async |value: &str| {
        let set = queue.redis.set(queue.watched(), value, None, None, false);
        set.await.map(|(): ()| ()).unwrap();
    };
    run(0).await;
    // The worker waits for a job already.
    for number in 1..50 {
        set(&number.to_string()).await;
        run(number).await;
    }
    set("no number").await;
    run(50).await;
    let expected: Vec<_> = (0..=50).map(|n| (1..50).contains(&n).then_some(n)).collect();
    assert_eq!(*ledger.seen.lock().await, expected);
    worker.stop().await;
}
