//! What every job works with.

use std::sync::Arc;

use protocol::EventId;
use pubsub::{ConnectionId, ProcessId, Publisher, Reply, ReplyPage, Upkeep};
use queue::{JobError, Producer};
use runtime::{clock::Clock, config::Config};
use store::Store;
use tracing::warn;

use crate::{announcer::Announcer, batcher::Batcher};

/// Cheap to clone.
#[derive(Clone)]
pub struct Context(Arc<Inner>);

/// The parts.
pub struct Inner {
    /// The configuration.
    pub config: Config,
    /// Postgres.
    pub store: Store,
    /// The group commit.
    pub batcher: Batcher,
    /// Messages to relay-ws processes.
    pub publisher: Publisher,
    /// Who hears of new events.
    pub announcer: Announcer,
    /// What killed processes left behind.
    pub upkeep: Upkeep,
    /// The queues.
    pub producer: Producer,
    /// The time.
    pub clock: Clock,
}

impl std::ops::Deref for Context {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Context {
    /// Of its parts.
    pub fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// Sends answers to the connections of one relay-ws process. When this fails, the job has to run again.
    pub async fn reply(
        &self,
        process: ProcessId,
        replies: impl IntoIterator<Item = Reply>,
    ) -> Result<(), JobError> {
        let mut page = ReplyPage::default();
        replies.into_iter().for_each(|reply| page.push(&reply));
        let heard = self
            .publisher
            .replies(process, page)
            .await
            .map_err(JobError::retry)?;
        if heard == 0 {
            // It is gone, and its connections with it.
            warn!(%process, "nobody heard the answers");
        }
        Ok(())
    }
}

/// An OK for an event.
pub fn ok(connection: ConnectionId, event: EventId, accepted: bool, message: impl Into<String>) -> Reply {
    Reply::Ok {
        connection,
        event,
        accepted,
        message: message.into(),
    }
}

/// The connection of a job; what is none can never be answered.
pub fn connection(text: &str) -> Result<ConnectionId, JobError> {
    text.parse().map_err(JobError::abort)
}
