//! Once a second, for every connection: late answers, pings, and the end of those who are silent. And for every address: whether it is
//! to be remembered.

use std::{
    sync::Weak,
    time::{Duration, Instant},
};

use metrics::gauge;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::{
    connection::Connection,
    outbox::{Close, CloseReason},
    relay::Relay,
};

/// Runs until `stop`.
pub async fn run(relay: Weak<Relay>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut second = 0_u64;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let Some(relay) = relay.upgrade() else { return };
        second += 1;
        let window = u64::from(relay.config.rate_limits.window_s);
        let new_window = second.is_multiple_of(window);
        let now = Instant::now();
        relay.settle_doubts();
        relay.origins.forget_absent();
        relay.give_up_questions(now);
        relay.answer_told(relay.audiences.overdue(now));
        let mut subscriptions = 0;
        relay.connections.for_each(|connection| {
            relay.answer_overdue(connection, now);
            look_after(&relay, connection);
            subscriptions += connection.subscription_count();
            if new_window {
                connection
                    .invalid_messages
                    .store(0, std::sync::atomic::Ordering::Relaxed);
            }
        });
        gauge!("relay_connections").set(relay.connections.len() as f64);
        gauge!("relay_subscriptions").set(subscriptions as f64);
        gauge!("relay_live_filters").set(relay.live.len() as f64);
    }
}

fn look_after(relay: &Relay, connection: &Connection) {
    let (config, silence) = (&relay.config.websocket, connection.pulse.silence_ms());
    let patience = Duration::from_secs(u64::from(config.negentropy_idle_timeout_s));
    for id in connection.reconciliations.take_idle(patience) {
        connection
            .line
            .neg_err(id.as_str(), "closed: you took too long to respond", None);
    }
    let idle_ms = u64::from(config.idle_timeout_s) * 1000;
    if connection.unfinished.is_overdue(Duration::from_millis(idle_ms)) {
        connection.line.close(Close::because(
            CloseReason::Idle,
            "a message was not completed in time",
        ));
    } else if silence >= idle_ms {
        connection
            .line
            .close(Close::because(CloseReason::Idle, "idle for too long"));
    } else if silence >= u64::from(config.ping_interval_s) * 1000 && connection.pulse.ping_is_due() {
        connection.line.outbox().ping();
    }
}
