//! The keys in Redis that tell operators and plugins who is connected and what they ask for.
//!
//! Changes are written in their order, all that wait in one pipeline: no message costs a round trip. Subscriptions are gathered for a
//! moment, and one that is over within it costs nothing. While a plugin listens there is no such moment: it may want the filters of what it hears.

use std::{collections::hash_map::Entry, sync::Arc, time::Duration};

use ahash::AHashMap;
use fred::{
    clients::{Client, Pipeline},
    interfaces::{FredResult, HashesInterface, KeysInterface, SetsInterface},
};
use metrics::counter;
use protocol::{AuthLevel, EventId, Filter, PublicKey, SubscriptionId};
use pubsub::{ConnectionId, Keys, Listeners};
use tokio::sync::mpsc;
use tracing::warn;

use crate::connection::Connection;

/// Changes that may wait for Redis. What is beyond is a picture not updated, not an answer lost.
const WAITING: usize = 65_536;

/// Changes written in one pipeline.
const BATCH: usize = 4096;

/// How long changes of subscriptions are gathered. Most that are over soon are over sooner, and nobody looks into Redis as quickly.
const MOMENT: Duration = Duration::from_millis(10);

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
        filters: Arc<[Filter]>,
        /// There was none of this name.
        is_new: bool,
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

impl Change {
    fn is_of_a_subscription(&self) -> bool {
        matches!(self, Self::Subscribed { .. } | Self::Unsubscribed { .. })
    }
}

/// Takes changes from anywhere in the process.
#[derive(Debug, Clone)]
pub struct Presence(mpsc::Sender<Change>);

/// Writes them.
pub struct PresenceWriter {
    changes: mpsc::Receiver<Change>,
    client: Client,
    keys: Keys,
    listeners: Listeners,
}

impl Presence {
    /// Both ends.
    pub fn new(client: Client, keys: Keys, listeners: Listeners) -> (Self, PresenceWriter) {
        let (sender, changes) = mpsc::channel(WAITING);
        (
            Self(sender),
            PresenceWriter {
                changes,
                client,
                keys,
                listeners,
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

    /// A subscription began, or replaced one of the same name.
    pub fn subscribed(
        &self,
        id: ConnectionId,
        subscription: &SubscriptionId,
        filters: Arc<[Filter]>,
        is_new: bool,
    ) {
        self.tell(Change::Subscribed {
            id,
            subscription: subscription.clone(),
            filters,
            is_new,
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

/// Of the changes of one subscription leaves the last, or none when it began and ended here.
fn leave_out_what_is_over(batch: &mut Vec<Change>) {
    let mut stays = vec![true; batch.len()];
    let mut changed: AHashMap<_, Changed> = AHashMap::new();
    for (place, change) in batch.iter().enumerate() {
        let (subscription, is_new, is_over) = match change {
            Change::Subscribed {
                id,
                subscription,
                is_new,
                ..
            } => ((*id, subscription), *is_new, false),
            Change::Unsubscribed { id, subscription } => ((*id, subscription), false, true),
            Change::Connected { .. } | Change::Disconnected { .. } | Change::Authenticated { .. } => continue,
        };
        let began_here = match changed.entry(subscription) {
            Entry::Vacant(first) => {
                first
                    .insert(Changed {
                        last: place,
                        began_here: is_new,
                    })
                    .began_here
            }
            Entry::Occupied(mut before) => {
                stays[std::mem::replace(&mut before.get_mut().last, place)] = false;
                before.get().began_here
            }
        };
        stays[place] = !(is_over && began_here);
    }
    let mut stays = stays.into_iter();
    batch.retain(|_| stays.next().unwrap_or(true));
}

/// A subscription in a batch.
struct Changed {
    /// Where its last change stands.
    last: usize,
    /// Redis has never heard of it.
    began_here: bool,
}

impl PresenceWriter {
    /// Writes changes until every [`Presence`] is gone.
    pub async fn write_changes(mut self) {
        let mut batch = Vec::new();
        while self.changes.recv_many(&mut batch, BATCH).await > 0 {
            let may_wait = batch.iter().all(Change::is_of_a_subscription);
            if may_wait && !self.listeners.are_there() {
                tokio::time::sleep(MOMENT).await;
                while batch.len() < BATCH
                    && let Ok(change) = self.changes.try_recv()
                {
                    batch.push(change);
                }
                leave_out_what_is_over(&mut batch);
            }
            if batch.is_empty() {
                continue;
            }
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
                is_new: _,
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

#[cfg(test)]
mod tests {
    use pubsub::ProcessId;

    use super::*;

    fn id(name: &str) -> SubscriptionId {
        SubscriptionId::new(name).unwrap()
    }

    fn left(changes: &[(&str, &str)]) -> Vec<String> {
        let connection = ConnectionId::random(ProcessId::random());
        let mut batch: Vec<_> = changes
            .iter()
            .map(|(what, name)| match *what {
                "ends" => Change::Unsubscribed {
                    id: connection,
                    subscription: id(name),
                },
                begins => Change::Subscribed {
                    id: connection,
                    subscription: id(name),
                    filters: Arc::new([]),
                    is_new: begins == "begins",
                },
            })
            .collect();
        leave_out_what_is_over(&mut batch);
        let names = batch.into_iter().map(|change| match change {
            Change::Subscribed { subscription, .. } => format!("{} is there", subscription.as_str()),
            Change::Unsubscribed { subscription, .. } => format!("{} is gone", subscription.as_str()),
            other => unreachable!("{other:?}"),
        });
        names.collect()
    }

    #[test]
    fn of_a_moment_redis_hears_what_is_left() {
        let (begins, replaces, ends) = ("begins", "replaces", "ends");
        assert!(left(&[(begins, "a"), (ends, "a")]).is_empty());
        assert!(
            left(&[
                (begins, "a"),
                (replaces, "a"),
                (ends, "a"),
                (begins, "a"),
                (ends, "a")
            ])
            .is_empty()
        );
        assert_eq!(
            left(&[
                (begins, "a"),
                (begins, "b"),
                (ends, "a"),
                (begins, "a"),
                (replaces, "b")
            ]),
            ["a is there", "b is there"]
        );
        assert_eq!(left(&[(ends, "a")]), ["a is gone"]);
        assert_eq!(
            left(&[(ends, "a"), (begins, "a"), (ends, "a")]),
            ["a is gone"],
            "an older one is in Redis"
        );
        assert_eq!(left(&[(replaces, "a"), (ends, "a")]), ["a is gone"]);
    }
}
