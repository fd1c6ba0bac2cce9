//! Workers that stop or die, and a Redis that forgets.

use std::sync::Arc;

use fred::{
    interfaces::{ClientInterface, ClientLike, KeysInterface},
    types::{CustomCommand, Value},
};
use queue::Queue;

use crate::fixture::{Fate, Fixture, Ledger, errand, until};

#[tokio::test]
async fn the_jobs_of_a_dead_worker_are_taken_over() {
    let (queue, ledger) = (Fixture::new().await, Arc::new(Ledger::default()));
    let dying = queue.worker("dying", 2, &ledger).await;
    queue.push((0..6).map(|n| errand(n, Fate::Hold))).await;
    until("it has taken some", async || ledger.begun.lock().await.len() == 2).await;
    // Dropped in mid-job: like a kill it settles nothing and vouches for nothing.
    dying.task.abort();
    let heir = queue.worker("heir", 2, &ledger).await;
    until("all done", async || {
        ledger.release.notify_waiters();
        ledger.done.lock().await.len() == 6
    })
    .await;
    let mut done = ledger.done.lock().await.clone();
    done.sort_unstable();
    assert_eq!(done, [0, 1, 2, 3, 4, 5]);
    heir.stop().await;
}

#[tokio::test]
async fn a_job_that_runs_long_is_not_taken_from_a_living_worker() {
    let (queue, ledger) = (Fixture::new().await, Arc::new(Ledger::default()));
    let (one, other) = (
        queue.worker("one", 1, &ledger).await,
        queue.worker("other", 1, &ledger).await,
    );
    queue.push([errand(1, Fate::Hold)]).await;
    until("it runs", async || ledger.begun.lock().await.len() == 1).await;
    // Three times the time after which it would be taken over.
    tokio::time::sleep(std::time::Duration::from_millis(900)).await;
    assert_eq!(ledger.begun.lock().await.len(), 1);
    ledger.release.notify_waiters();
    until("it is done", async || *ledger.done.lock().await == [1]).await;
    one.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn a_stop_finishes_what_runs_and_gives_back_what_does_not() {
    let (queue, ledger) = (Fixture::new().await, Arc::new(Ledger::default()));
    let one = queue.worker("one", 2, &ledger).await;
    queue.push((0..10).map(|n| errand(n, Fate::Hold))).await;
    until("two run", async || ledger.begun.lock().await.len() == 2).await;
    let stopping = tokio::spawn(one.stop());
    until("the running ones are done", async || {
        ledger.release.notify_waiters();
        stopping.is_finished()
    })
    .await;
    stopping.await.unwrap();
    let done = ledger.done.lock().await.len();
    assert!((2..10).contains(&done), "{done}");
    let heir = queue.worker("heir", 10, &ledger).await;
    until("the rest is done", async || {
        ledger.release.notify_waiters();
        ledger.done.lock().await.len() == 10
    })
    .await;
    let runs = ledger.begun.lock().await.clone();
    assert!(
        runs.iter().all(|(_, _, attempt)| *attempt == 1),
        "giving back is no attempt: {runs:?}"
    );
    heir.stop().await;
}

#[tokio::test]
async fn broken_connections_and_a_deleted_stream_are_survived() {
    let (queue, ledger) = (Fixture::new().await, Arc::new(Ledger::default()));
    let worker = queue.worker("one", 2, &ledger).await;
    queue.push([errand(1, Fate::Succeed)]).await;
    until("the first is done", async || ledger.done.lock().await.len() == 1).await;
    let _: () = queue.redis.del(queue.key()).await.unwrap();
    queue.push([errand(2, Fate::Succeed)]).await;
    until("the stream is there again", async || {
        ledger.done.lock().await.len() == 2
    })
    .await;

    // Every connection that waits in a blocking read of this queue is cut.
    let list: String = queue.redis.client_list::<_, String>(None, None).await.unwrap();
    let blocked = list
        .lines()
        .filter(|line| line.contains("cmd=xreadgroup") && line.contains("flags=b"));
    for id in blocked.filter_map(|line| line.split(' ').find_map(|field| field.strip_prefix("id="))) {
        let kill = CustomCommand::new_static("CLIENT", None::<u16>, false);
        let _: Value = queue
            .redis
            .custom(kill, vec!["KILL", "ID", id])
            .await
            .unwrap_or(Value::Null);
    }
    queue.push([errand(3, Fate::Succeed)]).await;
    until("it reads again", async || ledger.done.lock().await.len() == 3).await;
    worker.stop().await;
}

#[tokio::test]
async fn consumers_of_dead_workers_are_removed() {
    let (queue, ledger) = (Fixture::new().await, Arc::new(Ledger::default()));
    let dying = queue.worker("dying", 1, &ledger).await;
    queue.push([errand(1, Fate::Succeed)]).await;
    until("it is done", async || ledger.done.lock().await.len() == 1).await;
    until("it is settled", async || {
        queue.producer.waiting(Queue::Import).await.unwrap() == 0
    })
    .await;
    dying.task.abort();
    until("it is removed", async || {
        queue.producer.remove_dead_consumers(600).await.unwrap() == 1
    })
    .await;
    assert_eq!(queue.producer.remove_dead_consumers(600).await.unwrap(), 0);
}
