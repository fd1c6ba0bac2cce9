//! New jobs, as they come: a read blocks in Redis until there is one.

use std::sync::atomic::Ordering;

use fred::{
    interfaces::{ClientInterface, FredResult},
    types::ClientUnblockFlag,
};
use tracing::{debug, info, warn};

use super::Consumer;
use crate::Job;

/// How long a read blocks at most, in milliseconds. Short enough that a stop hardly waits for it even when it cannot be ended.
const BLOCK_MS: u64 = 500;

impl<J: Job> Consumer<J> {
    /// Reads no more at a time than there is room for: the rest is left to other workers.
    pub(super) async fn read(&self) {
        self.note_connection().await;
        while !self.leaving.is_cancelled() {
            let room = tokio::select! {
                () = self.leaving.cancelled() => return,
                room = self.may_read() => room,
            };
            match self.blocking.read_new(&self.config, room, BLOCK_MS).await {
                Ok((entries, seen)) => self.hand_over(entries, seen),
                Err(error) if error.details().starts_with("NOGROUP") => {
                    info!(queue = %self.stream.queue, "the stream was deleted: making it anew");
                    if !self.join_group().await {
                        return;
                    }
                }
                Err(error) => {
                    warn!(queue = %self.stream.queue, %error, "could not read new jobs");
                    if self.pause().await {
                        return;
                    }
                    self.note_connection().await;
                }
            }
        }
    }

    /// Waits until it is this worker that reads, and there is room; answers for how many jobs.
    async fn may_read(&self) -> usize {
        self.lease.held().await;
        self.held.room().await
    }

    /// Ends the read that blocks when the worker begins to stop: what came to it then would only be given back.
    pub(super) async fn end_blocking_read(&self) {
        self.leaving.cancelled().await;
        let (connection, timed_out) = (self.reading.load(Ordering::Relaxed), ClientUnblockFlag::Timeout);
        let unblock = self.stream.client.client_unblock(connection, Some(timed_out));
        let unblocked: FredResult<bool> = unblock.await;
        if let Err(error) = unblocked {
            debug!(queue = %self.stream.queue, %error, "could not end a blocking read: it ends by itself");
        }
    }

    /// Whose read is to be ended. fred does not know of reads in pipelines.
    async fn note_connection(&self) {
        let connection = self.blocking.client.client_id().await;
        self.reading
            .store(connection.unwrap_or_default(), Ordering::Relaxed);
    }
}
