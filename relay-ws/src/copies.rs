//! Copies for plugins: while somebody listens on Redis, each message to a client is published on its own channel too.
//!
//! Our own subscription hears these copies as well; they are told from a plugin's messages by their order: what this
//! process publishes comes back in the order in which it was published.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, RandomState},
};

use bytes::Bytes;
use metrics::counter;
use parking_lot::Mutex;
use pubsub::{Address, Channel, Command, ConnectionId, Listeners, Publisher};
use tokio::sync::mpsc;
use tracing::warn;

/// Copies that may wait for Redis. Plugins hear what they can; clients never wait for them.
const WAITING: usize = 65_536;

/// Copies taken together into one round trip.
const BATCH: usize = 256;

/// Takes copies from anywhere in the process.
#[derive(Debug)]
pub struct Copier {
    listeners: Listeners,
    copies: mpsc::Sender<Copy>,
    echoes: Mutex<VecDeque<u64>>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Copy {
    channel: String,
    payload: Bytes,
}

impl Copier {
    /// The copier, and the queue that [`Self::publish`] empties.
    pub fn new(listeners: Listeners) -> (Self, Copies) {
        let (copies, waiting) = mpsc::channel(WAITING);
        let copier = Self {
            listeners,
            copies,
            echoes: Mutex::default(),
            hasher: RandomState::new(),
        };
        (copier, Copies(waiting))
    }

    /// Who knows whether anybody listens.
    pub fn listeners(&self) -> Listeners {
        self.listeners.clone()
    }

    /// Publishes a copy soon, if anybody listens.
    pub fn copy(
        &self,
        connection: ConnectionId,
        subscription: Option<&str>,
        command: Command,
        payload: impl FnOnce() -> Bytes,
    ) {
        if !self.listeners.are_there() {
            return;
        }
        let channel = Channel {
            address: Address::Connection(connection),
            subscription,
            command,
        }
        .to_string();
        if self
            .copies
            .try_send(Copy {
                channel,
                payload: payload(),
            })
            .is_err()
        {
            counter!("relay_plugin_copies_dropped_total").increment(1);
        }
    }

    /// Whether a message that came through pub/sub is a copy of ours.
    pub fn is_echo(&self, channel: &str, payload: &[u8]) -> bool {
        let hash = self.hasher.hash_one((channel, payload));
        let mut echoes = self.echoes.lock();
        match echoes.iter().position(|echo| *echo == hash) {
            Some(at) => {
                // Those before it were lost on the way.
                echoes.drain(..=at);
                true
            }
            None => false,
        }
    }

    /// After a gap nothing that was published before will come any more.
    pub fn forget_echoes(&self) {
        self.echoes.lock().clear();
    }

    fn expect_echo(&self, copy: &Copy) {
        let mut echoes = self.echoes.lock();
        if echoes.len() == WAITING {
            echoes.pop_front();
        }
        echoes.push_back(
            self.hasher
                .hash_one((copy.channel.as_str(), copy.payload.as_ref())),
        );
    }
}

/// The copies that wait.
#[derive(Debug)]
pub struct Copies(mpsc::Receiver<Copy>);

impl Copies {
    /// Publishes copies in their order until every [`Copier`] is gone.
    pub async fn publish(mut self, copier: std::sync::Weak<Copier>, publisher: Publisher) {
        let mut batch = Vec::with_capacity(BATCH);
        while self.0.recv_many(&mut batch, BATCH).await > 0 {
            let Some(copier) = copier.upgrade() else { return };
            batch.iter().for_each(|copy| copier.expect_echo(copy));
            // Started in order, so the client sends them in order; awaited together, so they share a round trip.
            let published = batch
                .drain(..)
                .map(|copy| publisher.copy(copy.channel, copy.payload));
            let results = futures::future::join_all(published).await;
            if let Some(error) = results.into_iter().find_map(Result::err) {
                warn!(%error, "could not publish copies for plugins");
                copier.forget_echoes();
            }
        }
    }
}
