//! What operators change while the relay runs, whoever writes it to Redis: in force within a second.

use std::{net::IpAddr, sync::Arc, time::Duration};

use fred::{
    clients::Client,
    interfaces::{FredResult, LuaInterface, SetsInterface},
};
use parking_lot::RwLock;
use pubsub::{ConnectionId, Keys, LiveSettings, PubsubError};
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// How often the settings are read.
const READ_EVERY: Duration = Duration::from_millis(300);

/// Enters a set; how many are in it then.
const ENTER: &str = "redis.call('SADD', KEYS[1], ARGV[1]) return redis.call('SCARD', KEYS[1])";

/// The settings as last read.
#[derive(Debug)]
pub struct Settings {
    current: RwLock<Arc<LiveSettings>>,
    client: Client,
    keys: Keys,
}

impl Settings {
    /// Nothing is set until they are read.
    pub fn new(client: Client, keys: Keys) -> Self {
        Self {
            current: RwLock::default(),
            client,
            keys,
        }
    }

    /// Whether new connections are turned away.
    pub fn maintenance(&self) -> bool {
        self.current.read().maintenance
    }

    /// Whether nothing is counted for an address.
    pub fn is_unlimited(&self, address: IpAddr) -> bool {
        self.current.read().unlimited_ips.contains(&address)
    }

    /// Takes a place among `max_allowed_connections`, counted over all processes; whether there was one.
    ///
    /// Entered and counted in one step, so that two that come at once are not both the last.
    pub async fn take_place(&self, connection: ConnectionId) -> bool {
        let Some(most) = self.current.read().max_allowed_connections else {
            return true;
        };
        match self.enter(connection).await {
            Ok(count) if count <= most => true,
            Ok(_) => {
                let left: FredResult<()> = self
                    .client
                    .srem(self.keys.connections(), connection.as_str())
                    .await;
                if let Err(error) = left {
                    debug!(%error, "could not leave the connections");
                }
                false
            }
            // Without Redis nothing works anyway; who is connected gets an answer at least.
            Err(_) => true,
        }
    }

    async fn enter(&self, connection: ConnectionId) -> FredResult<u64> {
        self.client
            .eval(ENTER, self.keys.connections(), connection.as_str())
            .await
    }

    /// Reads the settings now.
    pub async fn read(&self) -> Result<(), PubsubError> {
        let current = LiveSettings::read(&self.client, &self.keys).await?;
        if **self.current.read() != current {
            *self.current.write() = Arc::new(current);
        }
        Ok(())
    }

    /// Reads the settings again and again until `stop`.
    pub async fn watch(self: Arc<Self>, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(READ_EVERY);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => if let Err(error) = self.read().await {
                    // The last ones stay in force; readiness tells that Redis is away.
                    debug!(%error, "could not read the settings");
                },
            }
        }
    }
}
