//! Clocks of machines differ, and jump: nothing that several processes compare depends on them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use testkit::{Client, Load, Stack, note};
use tokio::time::{Instant, sleep};

/// Where a clock jumps to, by the same number of seconds.
const JUMPS: [(&str, i64); 3] = [("+3600s", 3600), ("-600s", -600), ("+0s", 0)];

/// How far ahead of a worker's clock an event may be (`policy.created_at_upper_limit`).
const AHEAD: i64 = 900;

/// How far an AUTH may be from a relay-ws's clock (`auth.max_age_s`).
const APART: i64 = 600;

/// Unix seconds of a clock that differs by so much from ours.
fn now(offset: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap() + offset
}

/// What a worker takes for the future shows what time it is there.
async fn is_in_the_worker(client: &mut Client, offset: i64) {
    for (created_at, is_accepted) in [(AHEAD - 60, true), (AHEAD + 60, false)] {
        let at = u64::try_from(now(offset) + created_at).unwrap();
        let ok = client
            .publish(&note("what time is it").by("carol").at(at).sign())
            .await;
        assert_eq!(ok.accepted, is_accepted, "{offset} {created_at}: {ok:?}");
        assert_eq!(ok.message.starts_with("invalid: "), !is_accepted, "{ok:?}");
    }
}

/// Which AUTH a relay-ws takes for fresh shows what time it is there.
async fn is_in_the_relay_ws(stack: &Stack, offset: i64) {
    for (created_at, is_accepted) in [(0, true), (APART + 60, false), (-APART - 60, false)] {
        let at = u64::try_from(now(offset) + created_at).unwrap();
        let mut client = stack.client().await;
        let proof = client.proof("carol").at(at).sign();
        let ok = client.auth(&proof).await;
        assert_eq!(ok.accepted, is_accepted, "{offset} {created_at}: {ok:?}");
    }
}

#[tokio::test]
async fn a_worker_whose_clock_jumps_answers_like_any_other() {
    let mut stack = Stack::start().await;
    stack.workers[0].terminate().await;
    stack.workers[0].restart_with_clock("+0s").await;
    let mut client = stack.client().await;
    let mut load = Load::start(&stack.url(), "alice").await;
    for (jump, offset) in JUMPS {
        load.goes_on(50).await;
        stack.workers[0].set_clock(jump);
        is_in_the_worker(&mut client, offset).await;
        load.goes_on(50).await;
    }
    load.settle(&stack).await.has_noticed_nothing();
}

#[tokio::test]
async fn a_relay_ws_whose_clock_jumps_keeps_its_subscriptions() {
    let mut stack = Stack::start().await;
    stack.relays[0].terminate().await;
    stack.relays[0].restart_with_clock("+0s").await;
    let mut load = Load::start(&stack.url(), "alice").await;
    for (jump, offset) in JUMPS {
        load.goes_on(50).await;
        stack.relays[0].set_clock(jump);
        is_in_the_relay_ws(&stack, offset).await;
        load.goes_on(50).await;
    }
    load.settle(&stack).await.has_noticed_nothing();
}

#[tokio::test]
async fn a_relay_ws_whose_clock_is_behind_or_ahead_is_not_taken_for_dead() {
    let mut stack = Stack::builder().relays(2).start().await;
    for (relay, offset) in stack.relays.iter_mut().zip(["-3600s", "+3600s"]) {
        relay.terminate().await;
        relay.restart_with_clock(offset).await;
    }
    let _clients = [stack.client_of(0).await, stack.client_of(1).await];
    let (maintained, deadline) = (maintained(&stack).await, Instant::now() + Duration::from_secs(20));
    // Among these is one that removes connections of dead processes: it is due every five seconds.
    while self::maintained(&stack).await < maintained + 12.0 {
        assert!(Instant::now() < deadline, "maintenance jobs run");
        sleep(Duration::from_millis(50)).await;
    }
    let removed = stack.workers[0].metric("worker_dead_connections_total").await;
    assert!(removed < 0.5, "{removed} removed");
}

/// How many maintenance jobs have run.
async fn maintained(stack: &Stack) -> f64 {
    let count = "worker_job_seconds_count{queue=\"maintenance\"}";
    stack.workers[0].metric(count).await
}
