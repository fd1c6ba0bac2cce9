//! Keeping others from taking what is held here.

use tracing::warn;

use super::{Consumer, ticks};
use crate::Job;

impl<J: Job> Consumer<J> {
    /// Three times in the span after which a job is taken over, so that one lost message harms nobody.
    pub(super) async fn vouch(&self) {
        let mut ticks = ticks(self.config.takeover / 3);
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            self.set_clock().await;
            let ids = self.held.ids();
            if !ids.is_empty()
                && let Err(error) = self.stream.vouch(&self.config.consumer, &ids).await
            {
                warn!(queue = %self.stream.queue, %error, "could not vouch for jobs");
            }
        }
    }
}
