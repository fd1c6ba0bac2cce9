//! Workers that stop in order.

use std::sync::Arc;

use crate::fixture::{Fate, Fixture, Ledger, Worker, errand, until};

#[tokio::test]
async fn a_stop_finishes_what_runs_and_gives_back_the_rest_at_once() {
    let (queue, ledger) = (Fixture::new().await, Arc::new(Ledger::default()));
    let one = queue.worker("one", 8, &ledger).await;
    queue.push((0..10).map(|n| errand(n, Fate::Hold))).await;
    until("eight run", async || ledger.begun.lock().await.len() == 8).await;
    until("two more are taken", async || queue.depth().await.running == 10).await;

    let stopping = tokio::spawn(one.stop());
    let heir = queue.worker("heir", 4, &ledger).await;
    until("the other has the two", async || {
        ledger.begun.lock().await.len() == 10
    })
    .await;
    queue.push([errand(10, Fate::Hold), errand(11, Fate::Hold)]).await;
    until("it gets the new ones too", async || {
        ledger.begun.lock().await.len() == 12
    })
    .await;
    assert!(!stopping.is_finished(), "eight still run");
    until("all done", async || {
        ledger.release.notify_waiters();
        ledger.done.lock().await.len() == 12
    })
    .await;
    stopping.await.unwrap();

    let runs = ledger.begun.lock().await.clone();
    assert!(runs[8..].iter().all(|run| run.0 == "heir"), "{runs:?}");
    assert!(
        runs.iter().all(|run| run.2 == 1),
        "giving back is no attempt: {runs:?}"
    );
    assert_eq!(queue.consumers().await, ["heir"], "it has left");
    heir.stop().await;
    assert_eq!(queue.depth().await, queue::Depth::default(), "nothing is left");
}

#[tokio::test]
async fn the_jobs_of_an_aborted_worker_go_to_others_and_the_attempt_counts() {
    let (queue, ledger) = (Fixture::new().await, Arc::new(Ledger::default()));
    let Worker { task, .. } = queue.worker("aborted", 4, &ledger).await;
    queue.push((0..5).map(|n| errand(n, Fate::Hold))).await;
    until("four run", async || ledger.begun.lock().await.len() == 4).await;
    task.abort();
    let heir = queue.worker("heir", 5, &ledger).await;
    until("all done", async || {
        ledger.release.notify_waiters();
        ledger.done.lock().await.len() == 5
    })
    .await;
    let mut runs = ledger.begun.lock().await.clone();
    runs.retain(|run| run.0 == "heir");
    runs.sort_by_key(|run| run.1);
    let attempts: Vec<u32> = runs.iter().map(|run| run.2).collect();
    assert_eq!(attempts, [2, 2, 2, 2, 1], "the last had not begun");
    heir.stop().await;
}
