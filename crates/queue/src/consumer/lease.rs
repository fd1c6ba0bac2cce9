//! The lease on new jobs: where [`Readers::OneAtATime`], whoever holds it reads, and the others stand by.
//!
//! It only saves work. Two that read at a time do no harm, and when nobody does for a moment the jobs wait in Redis.

use std::time::Duration;

use tokio::sync::watch;
use tracing::debug;

use super::{Consumer, ticks};
use crate::{Job, Readers};

/// How long it lasts when its holder is silent.
const LASTS: Duration = Duration::from_millis(500);

/// How often its holder renews it, and the others ask for it.
const ASKED_EVERY: Duration = Duration::from_millis(100);

/// Who has held a job so long may be stuck, say because a network swallowed its connection to Postgres: others are to go on.
const STUCK: Duration = Duration::from_secs(2);

/// Whether this consumer may read new jobs.
pub(crate) struct Lease(watch::Sender<bool>);

impl Lease {
    pub(crate) fn new(readers: Readers) -> Self {
        Self(watch::Sender::new(readers == Readers::All))
    }

    /// Waits until it may.
    pub(super) async fn held(&self) {
        let mut lease = self.0.subscribe();
        // An error would mean that the sender is gone: `self` has it.
        let _held = lease.wait_for(|is_held| *is_held).await;
    }
}

impl<J: Job> Consumer<J> {
    /// Asks for the lease, renews it, and gives it up when the worker begins to stop.
    pub(super) async fn keep_lease(&self) {
        if self.config.readers == Readers::All {
            return;
        }
        let mut ticks = ticks(ASKED_EVERY);
        loop {
            tokio::select! {
                () = self.leaving.cancelled() => break,
                _ = ticks.tick() => {}
            }
            let is_stuck = self.held.longest().is_some_and(|held| held >= STUCK);
            self.lease.0.send_replace(!is_stuck && self.ask(LASTS).await);
        }
        if self.lease.0.send_replace(false) {
            self.ask(Duration::ZERO).await;
        }
    }

    async fn ask(&self, lasts: Duration) -> bool {
        let asked = self.stream.lease(&self.config.consumer, lasts).await;
        asked.unwrap_or_else(|error| {
            debug!(queue = %self.stream.queue, %error, "could not ask for the lease");
            false
        })
    }
}
