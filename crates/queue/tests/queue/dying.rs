//! Workers that are killed, and a Redis that forgets.

use std::{collections::BTreeSet, sync::Arc, time::Instant};

use fred::{
    interfaces::{ClientInterface, ClientLike, KeysInterface, StreamsInterface},
    types::{CustomCommand, Value},
};
use queue::Queue;

use crate::{
    fixture::{Fate, Fixture, Ledger, attempts, errand, until},
    process::{CONCURRENCY, WorkerProcess, begun},
};

#[tokio::test]
async fn the_jobs_of_a_killed_process_are_shared_by_those_who_live() {
    let (queue, ledger) = (Fixture::new().await, Arc::new(Ledger::default()));
    queue.push((0..10).map(|n| errand(n, Fate::Hold))).await;
    let process = WorkerProcess::start(&queue);
    until("it is in the middle of jobs", async || {
        begun(&queue).await.len() == CONCURRENCY && queue.depth().await.running == 10
    })
    .await;
    process.kill();

    let killed = Instant::now();
    let heirs = [
        queue.worker("one", 2, &ledger).await,
        queue.worker("other", 2, &ledger).await,
    ];
    until("both have as many as they can run", async || {
        ledger.begun.lock().await.len() == 4
    })
    .await;
    assert!(killed.elapsed().as_secs() < 5, "{:?}", killed.elapsed());
    let names: BTreeSet<String> = ledger
        .begun
        .lock()
        .await
        .iter()
        .map(|run| run.0.clone())
        .collect();
    assert_eq!(names.len(), 2);
    until("all done", async || {
        ledger.release.notify_waiters();
        ledger.done.lock().await.len() == 10
    })
    .await;
    for number in 0..10 {
        assert_eq!(
            attempts(&ledger, number).await,
            [2],
            "waiting for a turn is no attempt"
        );
    }
    until("the consumer of the dead is removed", async || {
        queue.producer.remove_dead_consumers(600).await.unwrap() == 1
    })
    .await;
    let names: BTreeSet<String> = queue.consumers().await.into_iter().collect();
    assert_eq!(names, BTreeSet::from(["one".to_owned(), "other".to_owned()]));
    for heir in heirs {
        heir.stop().await;
    }
}

#[tokio::test]
async fn a_job_that_kills_every_worker_ends_as_a_dead_letter() {
    let (queue, ledger) = (Fixture::new().await, Arc::new(Ledger::default()));
    queue.push([errand(1, Fate::Kill)]).await;
    for _ in 0..3 {
        let mut process = WorkerProcess::start(&queue);
        assert!(!process.ended().await.success());
    }
    assert_eq!(begun(&queue).await, [1, 1, 1]);
    // In this process it would end all tests: it must not run a fourth time.
    let worker = queue.worker("careful", 1, &ledger).await;
    until("it is dead", async || queue.depth().await.dead == 1).await;
    let letter = queue
        .producer
        .dead_letters(Queue::Import, 1)
        .await
        .unwrap()
        .remove(0);
    assert_eq!(
        (letter.attempts, letter.error.as_str()),
        (3, "every worker that took it died")
    );
    queue.push([errand(2, Fate::Succeed)]).await;
    until("others run", async || *ledger.done.lock().await == [2]).await;
    worker.stop().await;
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
    // Taken over twice in the meantime, by the worker that is free: so long it would have been silent.
    queue.push([errand(2, Fate::FailUntil(3))]).await;
    until("time has passed", async || *ledger.done.lock().await == [2]).await;
    assert_eq!(attempts(&ledger, 1).await, [1]);
    ledger.release.notify_waiters();
    until("it is done", async || *ledger.done.lock().await == [2, 1]).await;
    one.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn a_job_that_is_deleted_and_not_acknowledged_is_gone_when_it_is_taken_over() {
    let (queue, ledger) = (Fixture::new().await, Arc::new(Ledger::default()));
    queue.push([errand(1, Fate::Hold), errand(2, Fate::Hold)]).await;
    let process = WorkerProcess::start(&queue);
    until("both are held", async || queue.depth().await.running == 2).await;
    process.kill();
    let jobs = queue.producer.jobs(Queue::Import, None, 1).await.unwrap();
    let deleted: u64 = queue.redis.xdel(queue.key(), jobs[0].id.as_str()).await.unwrap();
    assert_eq!(deleted, 1);

    let heir = queue.worker("heir", 2, &ledger).await;
    until("the other one runs, and nothing else", async || {
        let depth = queue.depth().await;
        ledger.begun.lock().await.len() == 1 && (depth.running, depth.waiting) == (1, 0)
    })
    .await;
    assert_eq!(attempts(&ledger, 2).await, [2]);
    ledger.release.notify_waiters();
    until("all is done", async || {
        queue.depth().await == queue::Depth::default()
    })
    .await;
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

    assert!(cut_connections(&queue).await >= 2, "the worker has two");
    queue.push([errand(3, Fate::Succeed)]).await;
    until("it reads again", async || ledger.done.lock().await.len() == 3).await;
    worker.stop().await;
    assert_eq!(
        queue.depth().await,
        queue::Depth::default(),
        "all is acknowledged"
    );
}

/// Cuts every connection of this queue; answers how many there were.
async fn cut_connections(queue: &Fixture) -> usize {
    let outside = Fixture::new().await;
    let list: String = outside.redis.client_list::<_, String>(None, None).await.unwrap();
    let name = format!("name=switchyard:{}", queue.namespace);
    let ours = list.lines().filter(|line| line.contains(&name));
    let ids: Vec<&str> = ours
        .filter_map(|line| line.split(' ').find_map(|field| field.strip_prefix("id=")))
        .collect();
    for id in &ids {
        let kill = CustomCommand::new_static("CLIENT", None::<u16>, false);
        let killed: Value = outside.redis.custom(kill, vec!["KILL", "ID", id]).await.unwrap();
        assert_eq!(killed.as_u64(), Some(1));
    }
    ids.len()
}
