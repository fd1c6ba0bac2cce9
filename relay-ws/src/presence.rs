//! The keys in Redis that tell operators and plugins who is connected and what they ask for.
//!
//! Changes are written in their order, everything that waits in one pipeline: no message costs a round trip.

use fred::{
    clients::{Client, Pipeline},
    interfaces::{FredResult, HashesInterface, KeysInterface, SetsInterface},
};
use metrics::counter;
use protocol::{AuthLevel, EventId, Filter, PublicKey, SubscriptionId};
use pubsub::{ConnectionId, Keys};
use tokio::sync::mpsc;
use tracing::warn;

use crate::connection::Connection;

/// Changes that may wait for Redis. What is beyond is a picture not updated, not an answer lost.
const WAITING: usize = 65_536;

/// Changes written in one pipeline.
const BATCH: usize = 512;

/// A change in who is connected.
#[derive(Debug)]
enum Change {
    Connected {
        id: ConnectionId,
        address: String,
        at: u64,
    },
    Disconnected {
        id: ConnectionId,
        subscriptions: Vec<SubscriptionId>,
    },
    Subscribed {
        id: ConnectionId,
        subscription: SubscriptionId,
        filters: Vec<Filter>,
    },
    Unsubscribed {
        id: ConnectionId,
        subscription: SubscriptionId,
    },
    Authenticated {
        id: ConnectionId,
        pubkey: PublicKey,
        level: AuthLevel,
        event: EventId,
    },
}

/// Takes changes from anywhere in the process.
#[derive(Debug, Clone)]
pub struct Presence(mpsc::Sender<Change>);

/// Writes them.
pub struct PresenceWriter {
    changes: mpsc::Receiver<Change>,
    client: Client,
    keys: Keys,
}

impl Presence {
    /// Both ends.
    pub fn new(client: Client, keys: Keys) -> (Self, PresenceWriter) {
        let (sender, changes) = mpsc::channel(WAITING);
        (
            Self(sender),
            PresenceWriter {
                changes,
                client,
                keys,
            },
        )
    }

    /// A connection began, `at` unix seconds.
    pub fn connected(&self, connection: &Connection, at: u64) {
        self.tell(Change::Connected {
            id: connection.id,
            address: connection.address.to_string(),
            at,
        });
    }

    /// A connection ended, with these subscriptions.
    pub fn disconnected(&self, id: ConnectionId, subscriptions: Vec<SubscriptionId>) {
        self.tell(Change::Disconnected { id, subscriptions });
    }

    /// A subscription began.
    pub fn subscribed(&self, id: ConnectionId, subscription: &SubscriptionId, filters: &[Filter]) {
        let filters = filters.to_vec();
        self.tell(Change::Subscribed {
            id,
            subscription: subscription.clone(),
            filters,
        });
    }

    /// A subscription ended.
    pub fn unsubscribed(&self, id: ConnectionId, subscription: &SubscriptionId) {
        self.tell(Change::Unsubscribed {
            id,
            subscription: subscription.clone(),
        });
    }

    /// A key has been proven.
    pub fn authenticated(&self, id: ConnectionId, pubkey: PublicKey, level: AuthLevel, event: EventId) {
        self.tell(Change::Authenticated {
            id,
            pubkey,
            level,
            event,
        });
    }

    fn tell(&self, change: Change) {
        if self.0.try_send(change).is_err() {
            counter!("relay_presence_changes_dropped_total").increment(1);
        }
    }
}

impl PresenceWriter {
    /// Writes changes until every [`Presence`] is gone.
    pub async fn write_changes(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        while self.changes.recv_many(&mut batch, BATCH).await > 0 {
            let pipeline = self.client.pipeline();
            for change in batch.drain(..) {
                if let Err(error) = self.write(&pipeline, change).await {
                    warn!(%error, "could not describe a connection");
                }
            }
            if let Err(error) = pipeline.all::<()>().await {
                warn!(%error, "could not write who is connected");
            }
        }
    }

    async fn write(&self, redis: &Pipeline<Client>, change: Change) -> FredResult<()> {
        let keys = &self.keys;
        match change {
            Change::Connected { id, address, at } => {
                let _: () = redis.sadd(keys.connections(), id.as_str()).await?;
                let _: () = redis.hset(keys.connections_ips(), (id.as_str(), address)).await?;
                redis.hset(keys.connections_starts(), (id.as_str(), at)).await
            }
            Change::Disconnected { id, subscriptions } => {
                for subscription in subscriptions {
                    let _: () = redis.del(keys.subscription(id, subscription.as_str())).await?;
                }
                let _: () = redis.del(keys.client_reqs(id)).await?;
                for hash in keys.connection_hashes() {
                    let _: () = redis.hdel(hash, id.as_str()).await?;
                }
                redis.srem(keys.connections(), id.as_str()).await
            }
            Change::Subscribed {
                id,
                subscription,
                filters,
            } => {
                // Filters always have a JSON form.
                let filters = serde_json::to_string(&filters).unwrap_or_default();
                let _: () = redis.sadd(keys.client_reqs(id), subscription.as_str()).await?;
                let key = keys.subscription(id, subscription.as_str());
                redis.set(key, filters, None, None, false).await
            }
            Change::Unsubscribed { id, subscription } => {
                let _: () = redis.srem(keys.client_reqs(id), subscription.as_str()).await?;
                redis.del(keys.subscription(id, subscription.as_str())).await
            }
            Change::Authenticated {
                id,
                pubkey,
                level,
                event,
            } => {
                let (id, level) = (id.as_str(), i64::from(u8::from(level)));
                let _: () = redis
                    .hset(keys.authentications(), (id, pubkey.to_string()))
                    .await?;
                let _: () = redis.hset(keys.authorizations(), (id, level)).await?;
                redis
                    .hset(keys.connections_authenticators(), (id, event.to_string()))
                    .await
            }
        }
    }
}
