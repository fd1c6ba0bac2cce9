//! Our own processes die, are told to end, and are replaced one after the other, under a load that notices everything.

use testkit::{Load, Stack};

#[tokio::test]
async fn both_workers_are_killed_at_once() {
    let mut stack = Stack::builder().workers(2).start().await;
    let mut load = Load::start(&stack.url(), "alice").await;
    for _ in 0..2 {
        load.goes_on(100).await;
        stack.workers.iter_mut().for_each(testkit::Process::kill);
        for worker in &mut stack.workers {
            worker.restart().await;
        }
    }
    load.settle(&stack).await.has_noticed_nothing();
}

/// One of the two takes the new events, so each must be able to go on without the other.
#[tokio::test]
async fn one_worker_goes_on_when_the_other_is_killed() {
    let mut stack = Stack::builder().workers(2).start().await;
    let mut load = Load::start(&stack.url(), "alice").await;
    for number in [0, 1] {
        load.goes_on(100).await;
        stack.workers[number].kill();
        load.goes_on(100).await;
        stack.workers[number].restart().await;
    }
    load.settle(&stack).await.has_noticed_nothing();
}

#[tokio::test]
async fn one_worker_goes_on_when_the_other_stalls() {
    let stack = Stack::builder().workers(2).start().await;
    let mut load = Load::start(&stack.url(), "alice").await;
    for worker in &stack.workers {
        load.goes_on(100).await;
        worker.freeze();
        load.goes_on(100).await;
        worker.thaw();
    }
    load.settle(&stack).await.has_noticed_nothing();
}

#[tokio::test]
async fn workers_end_in_order_under_load() {
    let mut stack = Stack::builder().workers(2).start().await;
    let mut load = Load::start(&stack.url(), "alice").await;
    for number in [0, 1, 0, 1] {
        load.goes_on(50).await;
        stack.workers[number].terminate().await;
        stack.workers[number].restart().await;
    }
    load.settle(&stack).await.has_noticed_nothing();
}

#[tokio::test]
async fn relay_ws_is_killed_with_its_connections() {
    let mut stack = Stack::builder().start().await;
    let mut load = Load::start(&stack.url(), "alice").await;
    for _ in 0..2 {
        load.goes_on(100).await;
        stack.relays[0].kill();
        stack.relays[0].restart().await;
    }
    load.settle(&stack).await;
}

/// Every process, one by one. Clients come back, or are at another relay-ws and notice nothing.
#[tokio::test]
async fn a_rolling_restart_loses_nothing() {
    let mut stack = Stack::builder().relays(2).workers(2).start().await;
    let mut loads = [
        Load::start(&stack.url_of(0), "alice").await,
        Load::start(&stack.url_of(1), "bob").await,
    ];
    for number in 0..2 {
        for load in &mut loads {
            load.goes_on(50).await;
        }
        stack.workers[number].terminate().await;
        stack.workers[number].restart().await;
        for load in &mut loads {
            load.goes_on(50).await;
        }
        stack.relays[number].terminate().await;
        stack.relays[number].restart().await;
    }
    for (number, load) in loads.into_iter().enumerate() {
        let written = load.settle_at(&stack.url_of(number), &stack.postgres).await;
        assert!(written.refused.is_empty(), "{:?}", written.refused);
    }
}
