//! What every job works with.

use std::sync::Arc;

use protocol::{EventId, PrivateKinds, Reader, RelayUrl};
use pubsub::{ConnectionId, ProcessId, Publisher, Reply, ReplyPage, Upkeep};
use queue::{JobError, Producer, jobs::Client};
use runtime::{clock::Clock, config::Config, redis::RedisClient};
use store::Store;
use tracing::{Span, debug, warn};

use crate::{
    announcer::Announcer,
    batcher::Batcher,
    membership::Membership,
    metrics::{self, Removed},
    rulings::RulingsInForce,
    sets::Sets,
    vanish::dead_letters::Searched,
    write_policy::WritePolicy,
};

/// Cheap to clone.
#[derive(Clone)]
pub struct Context(Arc<Inner>);

/// The parts.
pub struct Inner {
    /// The configuration.
    pub config: Config,
    /// What this relay is known by, as far as it is configured.
    pub urls: Vec<RelayUrl>,
    /// Postgres.
    pub store: Store,
    /// The sets of reconciliations.
    pub sets: Sets,
    /// What operators decided.
    pub rulings: RulingsInForce,
    /// The group commit.
    pub batcher: Batcher,
    /// Members and invitations, if there are any.
    pub membership: Option<Membership>,
    /// The operator's judge, if there is one.
    pub write_policy: Option<WritePolicy>,
    /// Messages to relay-ws processes.
    pub publisher: Publisher,
    /// Who hears of new events.
    pub announcer: Announcer,
    /// How far dead letters were searched for what vanished.
    pub searched: Searched,
    /// What killed processes left behind.
    pub upkeep: Upkeep,
    /// Keys in Redis.
    pub data: RedisClient,
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

    /// A client, as one who asks for events.
    pub fn reader<'c>(&self, client: &'c Client) -> Reader<'c> {
        let privacy = &self.config.privacy;
        let private = PrivateKinds::new(privacy.direct_messages, privacy.gift_wraps);
        Reader::new(private, &client.pubkeys)
    }

    /// Stored events were removed: who asks after this call does not get them, from whatever worker.
    pub async fn removed(&self, why: Removed, events: u64) {
        metrics::removed(why, events);
        if events > 0
            && let Err(error) = self.publisher.changed().await
        {
            debug!(%error, "other workers hear of removed events a second later");
        }
    }

    /// Sends answers to the connections of one relay-ws process. When this fails, the job has to run again.
    pub async fn reply(
        &self,
        process: ProcessId,
        replies: impl IntoIterator<Item = Reply>,
        attempt: u32,
    ) -> Result<(), JobError> {
        let mut replies = replies.into_iter().peekable();
        if replies.peek().is_none() {
            return Ok(());
        }
        let mut page = ReplyPage::default();
        replies.for_each(|reply| page.push(&reply));
        let heard = self.publisher.replies(process, page).await;
        was_heard(process, heard.map_err(JobError::retry)?, attempt)
    }
}

/// Nobody heard an answer.
#[derive(Debug, thiserror::Error)]
#[error("relay-ws {0} did not hear the answer")]
struct Unheard(ProcessId);

/// A relay-ws process that nobody hears may only be connecting to pub/sub again: the job runs once more, after some
/// seconds. After that it is taken for gone, and its connections with it.
pub fn was_heard(process: ProcessId, by: u64, attempt: u32) -> Result<(), JobError> {
    match (by, attempt) {
        (0, 0 | 1) => Err(JobError::retry(Unheard(process))),
        (0, _) => {
            warn!(%process, "nobody heard the answer");
            Ok(())
        }
        _ => Ok(()),
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

/// The connection of a job, noted in its span; what is none can never be answered.
pub fn connection(text: &str) -> Result<ConnectionId, JobError> {
    let id: ConnectionId = text.parse().map_err(JobError::abort)?;
    Span::current().record("connection", id.as_str());
    Ok(id)
}
