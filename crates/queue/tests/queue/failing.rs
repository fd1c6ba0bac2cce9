//! Jobs that go wrong.

use std::sync::Arc;

use queue::Queue;

use crate::fixture::{Errand, Fate, Fixture, Ledger, attempts, errand, until};

async fn dead(queue: &Fixture) -> Vec<queue::DeadLetter> {
    queue.producer.dead_letters(Queue::Import, 100).await.unwrap()
}

#[tokio::test]
async fn a_failed_job_is_tried_again_and_knows_it() {
    let (queue, ledger) = (Fixture::new().await, Arc::new(Ledger::default()));
    let worker = queue.worker("one", 4, &ledger).await;
    queue
        .push([errand(1, Fate::FailUntil(3)), errand(2, Fate::Succeed)])
        .await;
    until("both done", async || ledger.done.lock().await.len() == 2).await;
    assert_eq!(*ledger.done.lock().await, [2, 1], "a failure holds up nobody");
    assert_eq!(attempts(&ledger, 1).await, [1, 2, 3]);
    worker.stop().await;
}

#[tokio::test]
async fn after_the_last_attempt_it_is_a_dead_letter() {
    let (queue, ledger) = (Fixture::new().await, Arc::new(Ledger::default()));
    let worker = queue.worker("one", 4, &ledger).await;
    queue.push([errand(1, Fate::FailUntil(99))]).await;
    until("it is dead", async || dead(&queue).await.len() == 1).await;
    let letter = dead(&queue).await.remove(0);
    assert_eq!(letter.attempts, 3);
    assert_eq!(letter.error, "to be tried again: not yet");
    assert_eq!(
        serde_json::from_str::<Errand>(&letter.job).unwrap(),
        errand(1, Fate::FailUntil(99))
    );
    assert_eq!(ledger.begun.lock().await.len(), 3);
    assert_eq!(queue.producer.waiting(Queue::Import).await.unwrap(), 0);
    worker.stop().await;
}

#[tokio::test]
async fn hopeless_unreadable_and_panicking_jobs_end_as_dead_letters() {
    let (queue, ledger) = (Fixture::new().await, Arc::new(Ledger::default()));
    let worker = queue.worker("one", 4, &ledger).await;
    queue.push([errand(1, Fate::Abort)]).await;
    until("the hopeless one is dead", async || dead(&queue).await.len() == 1).await;
    assert_eq!(dead(&queue).await[0].attempts, 1, "it was not tried again");
    queue
        .producer
        .push_json(Queue::Import, "{\"nonsense\":1}".to_owned())
        .await
        .unwrap();
    until("the unreadable one is dead", async || {
        dead(&queue).await.len() == 2
    })
    .await;
    assert!(dead(&queue).await[0].error.starts_with("not a job: "));
    queue.push([errand(2, Fate::Panic)]).await;
    until("the panicking one is dead", async || {
        dead(&queue).await.len() == 3
    })
    .await;
    queue.push([errand(3, Fate::Succeed)]).await;
    until("the worker lives", async || *ledger.done.lock().await == [3]).await;
    worker.stop().await;
}

#[tokio::test]
async fn dead_letters_can_be_tried_again_or_thrown_away() {
    let (queue, ledger) = (Fixture::new().await, Arc::new(Ledger::default()));
    let worker = queue.worker("one", 4, &ledger).await;
    queue.push([errand(1, Fate::Abort), errand(2, Fate::Abort)]).await;
    until("both are dead", async || dead(&queue).await.len() == 2).await;
    let ids: Vec<String> = dead(&queue).await.into_iter().map(|letter| letter.id).collect();
    assert!(
        queue
            .producer
            .delete_dead_letter(Queue::Import, &ids[0])
            .await
            .unwrap()
    );
    assert!(
        !queue
            .producer
            .delete_dead_letter(Queue::Import, &ids[0])
            .await
            .unwrap()
    );
    assert!(
        queue
            .producer
            .retry_dead_letter(Queue::Import, &ids[1])
            .await
            .unwrap()
    );
    until("it has run again", async || ledger.begun.lock().await.len() == 3).await;
    until("and is dead again", async || dead(&queue).await.len() == 1).await;
    worker.stop().await;
}
