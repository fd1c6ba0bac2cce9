//! The connections of this process.

use std::sync::Arc;

use ahash::RandomState;
use parking_lot::RwLock;
use pubsub::ConnectionId;

use crate::connection::Connection;

/// Parts of the map, so that many handshakes do not wait for one another.
const SHARDS: usize = 16;

type Shard = RwLock<std::collections::HashMap<ConnectionId, Arc<Connection>, RandomState>>;

/// All connections by id.
#[derive(Debug, Default)]
pub struct Connections {
    shards: [Shard; SHARDS],
}

impl Connections {
    /// Adds one.
    pub fn insert(&self, connection: Arc<Connection>) {
        self.shard(connection.id)
            .write()
            .insert(connection.id, connection);
    }

    /// Takes one out.
    pub fn remove(&self, id: ConnectionId) -> Option<Arc<Connection>> {
        self.shard(id).write().remove(&id)
    }

    /// Looks one up.
    pub fn get(&self, id: ConnectionId) -> Option<Arc<Connection>> {
        self.shard(id).read().get(&id).cloned()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().len()).sum()
    }

    /// Visits each; none is added or taken out of its part meanwhile.
    pub fn for_each(&self, mut visit: impl FnMut(&Arc<Connection>)) {
        for shard in &self.shards {
            shard.read().values().for_each(&mut visit);
        }
    }

    fn shard(&self, id: ConnectionId) -> &Shard {
        // The last characters are random.
        &self.shards[usize::from(id.as_str().as_bytes()[31]) % SHARDS]
    }
}
