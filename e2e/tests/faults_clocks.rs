//! Clocks of machines differ, and jump: nothing that several processes compare depends on them.

use testkit::{Load, Stack};

#[tokio::test]
async fn a_worker_whose_clock_is_ahead_or_behind_answers_like_any_other() {
    let mut stack = Stack::start().await;
    for offset in ["+3600s", "-600s"] {
        stack.workers[0].terminate().await;
        stack.workers[0].restart_with_clock(offset).await;
        let mut load = Load::start(&stack.url(), "alice").await;
        load.goes_on(50).await;
        let written = load.settle(&stack).await;
        assert_eq!((written.cut_off, written.refused.len()), (0, 0), "{offset}");
    }
}

#[tokio::test]
async fn a_relay_ws_whose_clock_is_behind_is_not_taken_for_dead() {
    let mut stack = Stack::start().await;
    stack.relays[0].terminate().await;
    stack.relays[0].restart_with_clock("-3600s").await;
    let _client = stack.client().await;
    let maintained = maintained(&stack).await;
    // Among these is one that removes connections of dead processes: it is due every five seconds.
    while self::maintained(&stack).await < maintained + 12.0 {
        tokio::task::yield_now().await;
    }
    let metrics = stack.workers[0].metrics().await;
    let mut lines = metrics.lines();
    let removed = lines.find_map(|line| line.strip_prefix("worker_dead_connections_total "));
    assert_eq!(removed, Some("0"));
}

/// How many maintenance jobs have run.
async fn maintained(stack: &Stack) -> f64 {
    let metrics = stack.workers[0].metrics().await;
    let count = metrics
        .lines()
        .find_map(|line| line.strip_prefix("worker_job_seconds_count{queue=\"maintenance\"} "));
    count.map_or(0.0, |count| count.parse().unwrap())
}
