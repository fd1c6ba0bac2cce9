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

/// How often a connection has to give a sign of life.
const PING: Duration = Duration::from_secs(2);

/// For how long it may owe one. Reads that block do so for half a second.
const UNRESPONSIVE: Duration = Duration::from_secs(4);

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
    tokio::spawn(keep_alive(client.clone()));
    Ok(client)
}

/// Makes a connection anew that says nothing any more, for ever: a network may swallow one without a word. fred's own check
/// only sees connections on which nothing is written meanwhile. What was asked is asked again on the new one.
pub async fn keep_alive(client: impl ClientLike) {
    loop {
        tokio::time::sleep(PING).await;
        if !client.is_connected() {
            continue;
        }
        if tokio::time::timeout(UNRESPONSIVE, client.ping::<()>(None))
            .await
            .is_err()
        {
            warn!("Redis does not answer: the connection is made anew");
            // Should it fail, then the policy tries again.
            let _reconnected = client.force_reconnection().await;
        }
    }
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
