//! What every page works with.

use std::{ops::Deref, sync::Arc};

use pubsub::{Desk, Keys, LatestEvents, Publisher};
use queue::Producer;
use runtime::{config::Config, redis::RedisClient};
use store::Store;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::hour::Hours;

/// Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts.
pub struct Parts {
    /// The configuration.
    pub config: Config,
    /// Postgres.
    pub store: Store,
    /// Redis: keys.
    pub data: RedisClient,
    /// Their names.
    pub keys: Keys,
    /// Admin's own keys.
    pub desk: Desk,
    /// Messages to relay-ws processes.
    pub publisher: Publisher,
    /// The queues.
    pub producer: Producer,
    /// The last hour.
    pub hours: Hours,
    /// The latest events.
    pub latest: LatestEvents,
    /// Places for those who watch events live: each has a connection to Redis.
    pub viewers: Arc<Semaphore>,
    /// Cancelled when the process begins to end: what streams has to stop.
    pub stopping: CancellationToken,
}

impl App {
    /// Of its parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
