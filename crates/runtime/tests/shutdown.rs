//! The two steps of an end. One test: signals reach the whole process.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use nix::sys::signal::{Signal, raise};
use runtime::shutdown::Shutdown;

/// Far longer than it takes: it bounds a failing test.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn the_first_signal_asks_and_the_second_commands() {
    let shutdown = Shutdown::on_signals(Duration::from_secs(3600)).unwrap();
    raise(Signal::SIGTERM).unwrap();
    tokio::time::timeout(PATIENCE, shutdown.soft.cancelled())
        .await
        .unwrap();
    assert!(!shutdown.hard.is_cancelled());
    raise(Signal::SIGINT).unwrap();
    tokio::time::timeout(PATIENCE, shutdown.hard.cancelled())
        .await
        .unwrap();
}
