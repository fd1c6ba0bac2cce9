//! Jobs of workers that are dead, that failed, and that were given back.

use std::time::Duration;

use tracing::{info, warn};

use super::{Consumer, ticks};
use crate::{Job, QueueError};

/// Looked for at least this often: what a stopping worker gave back should not wait.
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl<J: Job> Consumer<J> {
    /// Takes no more at a time than there is room for: the rest is left to other workers.
    pub(super) async fn take_over(&self) {
        let mut ticks = ticks(LOOK_EVERY.min(self.config.takeover / 4));
        loop {
            tokio::select! {
                () = self.leaving.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let room = tokio::select! {
                () = self.leaving.cancelled() => return,
                room = self.held.room() => room,
            };
            match self.take_over_some(room).await {
                // There may be more.
                Ok(taken) if taken == room => ticks.reset_immediately(),
                Ok(_) => {}
                Err(error) => warn!(queue = %self.stream.queue, %error, "could not take jobs over"),
            }
        }
    }

    async fn take_over_some(&self, room: usize) -> Result<usize, QueueError> {
        let idle_ms = self.config.takeover.as_millis() as u64;
        let mut pending = self.stream.silent(idle_ms, room).await?;
        pending.retain(|pending| !self.held.contains(&pending.id));
        let entries = self
            .stream
            .take_over(&self.config.consumer, idle_ms, &pending)
            .await?;
        for entry in &entries {
            info!(queue = %self.stream.queue, id = entry.id, attempt = entry.attempt, "took a job over");
        }
        let taken = entries.len();
        self.hand_over(entries, None);
        Ok(taken)
    }
}
