//! What an operator sees of a queue, and that looking changes nothing.

use std::sync::Arc;

use queue::Queue;

use crate::fixture::{Errand, Fate, Fixture, Ledger, errand, until};

fn number(job: &str) -> u32 {
    serde_json::from_str::<Errand>(job).unwrap().number
}

#[tokio::test]
async fn an_unused_queue_is_empty() {
    let queue = Fixture::new().await;
    assert!(
        queue
            .producer
            .jobs(Queue::Import, None, 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(queue.producer.consumers(Queue::Import).await.unwrap().is_empty());
    assert!(queue.producer.job(Queue::Import, "1-0").await.unwrap().is_none());
    queue.push([errand(1, Fate::Succeed)]).await;
    let jobs = queue.producer.jobs(Queue::Import, None, 10).await.unwrap();
    assert_eq!(jobs[0].held, None, "without a group nobody holds anything");
}

#[tokio::test]
async fn jobs_are_listed_page_by_page_with_those_who_hold_them() {
    let (queue, ledger) = (Fixture::new().await, Arc::new(Ledger::default()));
    let worker = queue.worker("one", 1, &ledger).await;
    queue.push((0..5).map(|n| errand(n, Fate::Hold))).await;
    until("the first is held", async || queue.depth().await.running == 1).await;

    let first = queue.producer.jobs(Queue::Import, None, 2).await.unwrap();
    assert_eq!(
        first.iter().map(|job| number(&job.job)).collect::<Vec<_>>(),
        [0, 1]
    );
    let holder = first[0].held.as_ref().unwrap();
    assert_eq!((holder.consumer.as_str(), holder.attempt), ("one", 1));
    assert!(first[0].enqueued_ms > 0 && first[1].held.is_none());
    let rest = queue
        .producer
        .jobs(Queue::Import, Some(&first[1].id), 10)
        .await
        .unwrap();
    assert_eq!(
        rest.iter().map(|job| number(&job.job)).collect::<Vec<_>>(),
        [2, 3, 4]
    );
    let one = queue
        .producer
        .job(Queue::Import, &rest[1].id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(one, rest[1]);

    let consumers = queue.producer.consumers(Queue::Import).await.unwrap();
    assert_eq!((consumers[0].name.as_str(), consumers[0].holds), ("one", 1));
    until("its heart beats", async || {
        queue.producer.consumers(Queue::Import).await.unwrap()[0].silent_ms < 400
    })
    .await;

    // Looked at again and again, every job runs once, as its first attempt.
    until("all done", async || {
        queue.producer.jobs(Queue::Import, None, 10).await.unwrap();
        ledger.release.notify_waiters();
        ledger.done.lock().await.len() == 5
    })
    .await;
    assert!(ledger.begun.lock().await.iter().all(|run| run.2 == 1));
    assert_eq!(ledger.begun.lock().await.len(), 5);
    assert_eq!(queue.consumers().await, ["one"], "looking makes no consumer");
    worker.stop().await;
}

#[tokio::test]
async fn the_last_error_is_known_until_the_job_is_done() {
    let (queue, ledger) = (Fixture::new().await, Arc::new(Ledger::default()));
    let worker = queue.worker("one", 4, &ledger).await;
    queue.push([errand(1, Fate::FailUntil(3))]).await;
    until("its failure is noted", async || {
        let jobs = queue.producer.jobs(Queue::Import, None, 10).await.unwrap();
        jobs.first()
            .is_some_and(|job| job.error.as_deref() == Some("to be tried again: not yet"))
    })
    .await;
    until("it is done and forgotten", async || {
        *ledger.done.lock().await == [1] && !queue.has_key("queue:nostr:import:errors").await
    })
    .await;
    worker.stop().await;
}

#[tokio::test]
async fn all_dead_letters_up_to_one_are_retried_or_dropped() {
    let (queue, ledger) = (Fixture::new().await, Arc::new(Ledger::default()));
    let worker = queue.worker("one", 4, &ledger).await;
    let dead = async || queue.producer.dead_letters(Queue::Import, 1000).await.unwrap();
    queue.push((0..150).map(|n| errand(n, Fate::Abort))).await;
    until("all are dead", async || dead().await.len() == 150).await;
    let letters = dead().await;
    let page = queue
        .producer
        .dead_letters_before(Queue::Import, Some(&letters[9].id), 5)
        .await
        .unwrap();
    assert_eq!(page, letters[10..15]);
    let one = queue
        .producer
        .dead_letter(Queue::Import, &letters[3].id)
        .await
        .unwrap();
    assert_eq!(one.as_ref(), Some(&letters[3]));

    let retried = queue
        .producer
        .retry_dead_letters(Queue::Import, &letters[20].id)
        .await
        .unwrap();
    assert_eq!(retried, 130, "more than a page, and none of the newer ones");
    until("they are dead again", async || dead().await.len() == 150).await;
    assert_eq!(ledger.begun.lock().await.len(), 150 + 130);

    let again = dead().await;
    let dropped = queue
        .producer
        .delete_dead_letters(Queue::Import, &again[5].id)
        .await
        .unwrap();
    assert_eq!((dropped, dead().await), (145, again[..5].to_vec()));
    worker.stop().await;
}

#[tokio::test]
async fn two_operators_retry_a_dead_letter_once() {
    let (queue, ledger) = (Fixture::new().await, Arc::new(Ledger::default()));
    let worker = queue.worker("one", 4, &ledger).await;
    queue.push([errand(1, Fate::Abort)]).await;
    let dead = async || queue.producer.dead_letters(Queue::Import, 10).await.unwrap();
    until("it is dead", async || dead().await.len() == 1).await;
    let id = dead().await.remove(0).id;
    let (one, other) = tokio::join!(
        queue.producer.retry_dead_letter(Queue::Import, &id),
        queue.producer.retry_dead_letter(Queue::Import, &id),
    );
    assert!(one.unwrap() ^ other.unwrap(), "one of them");
    until("it has run again", async || ledger.begun.lock().await.len() == 2).await;
    until("and is dead again", async || dead().await.len() == 1).await;
    worker.stop().await;
}
