//! Connections to Redis that come back by themselves.

mod vitals;

use std::time::Duration;

use fred::{
    clients::Client,
    interfaces::{ClientInterface, ClientLike, EventInterface},
    prelude::{Builder, Config, ReconnectPolicy},
};
use tracing::{debug, warn};

pub use vitals::{RedisVitals, vitals};

/// A connection to Redis, for those who only hand it on.
pub use fred::clients::Client as RedisClient;

/// No connection to Redis.
#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    /// The URL cannot be read. It is not repeated here: it may hold a password.
    #[error("the Redis URL is not valid")]
    Url(#[source] fred::error::Error),
    /// Nobody answers there.
    #[error("could not connect to Redis")]
    Connect(#[source] fred::error::Error),
    /// The connection is broken now.
    #[error("Redis does not answer")]
    Ping(#[source] fred::error::Error),
}

/// How long a command may wait for its answer. Blocking reads have clients of their own without this limit.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the first connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects. The connection is named `switchyard:<name>` in CLIENT LIST, also after a reconnect.
pub async fn connect(url: &str, name: &str) -> Result<Client, RedisError> {
    open(url, name, COMMAND_TIMEOUT).await
}

/// A connection for commands that block in Redis for as long as they like.
pub async fn connect_blocking(url: &str, name: &str) -> Result<Client, RedisError> {
    open(url, name, Duration::ZERO).await
}

async fn open(url: &str, name: &str, command_timeout: Duration) -> Result<Client, RedisError> {
    let config = Config::from_url(url).map_err(RedisError::Url)?;
    let client = Builder::from_config(config)
        .with_connection_config(|connection| {
            connection.connection_timeout = CONNECT_TIMEOUT;
            connection.tcp.nodelay = Some(true);
        })
        .with_performance_config(|performance| performance.default_command_timeout = command_timeout)
        .set_policy(ReconnectPolicy::new_exponential(0, 50, 2_000, 2))
        .build()
        .map_err(RedisError::Connect)?;
    client.init().await.map_err(RedisError::Connect)?;
    let name = format!("switchyard:{name}");
    set_name(&client, &name).await;
    let _renames = client.on_reconnect({
        let client = client.clone();
        move |_| {
            let (client, name) = (client.clone(), name.clone());
            async move {
                debug!("connected to Redis again");
                set_name(&client, &name).await;
                Ok(())
            }
        }
    });
    Ok(client)
}

/// Whether Redis answers.
pub async fn ping(client: &Client) -> Result<(), RedisError> {
    client.ping::<()>(None).await.map_err(RedisError::Ping)
}

async fn set_name(client: &Client, name: &str) {
    if let Err(error) = client.client_setname(name).await {
        warn!(%error, "could not name a connection to Redis");
    }
}
