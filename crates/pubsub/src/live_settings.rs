//! The settings that operators change while the relay runs: three keys, whoever writes them.

use std::{collections::HashSet, net::IpAddr};

use fred::{
    clients::Client,
    interfaces::{FredResult, KeysInterface, SetsInterface},
    types::Value,
};

use crate::{Keys, PubsubError};

/// The settings as they were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LiveSettings {
    /// New connections are turned away.
    pub maintenance: bool,
    /// Connections of all processes together; `None`: unlimited.
    pub max_allowed_connections: Option<u64>,
    /// Addresses for which nothing is counted.
    pub unlimited_ips: HashSet<IpAddr>,
}

impl LiveSettings {
    /// Reads them, in one round trip.
    pub async fn read(client: &Client, keys: &Keys) -> Result<Self, PubsubError> {
        Self::read_keys(client, keys)
            .await
            .map_err(failed("read the settings"))
    }

    async fn read_keys(client: &Client, keys: &Keys) -> FredResult<Self> {
        let pipeline = client.pipeline();
        let _: () = pipeline.get(keys.maintenance()).await?;
        let _: () = pipeline.get(keys.max_allowed_connections()).await?;
        let _: () = pipeline.smembers(keys.unlimited_ips()).await?;
        let (maintenance, most, unlimited): (Option<String>, Option<String>, Vec<String>) =
            pipeline.all().await?;
        Ok(Self {
            maintenance: maintenance.is_some_and(|value| is_truthy(&value)),
            max_allowed_connections: most
                .and_then(|most| most.trim().parse().ok())
                .filter(|most| *most > 0),
            unlimited_ips: unlimited
                .iter()
                .filter_map(|address| address.trim().parse().ok())
                .collect(),
        })
    }

    /// Begins or ends maintenance.
    pub async fn set_maintenance(client: &Client, keys: &Keys, on: bool) -> Result<(), PubsubError> {
        let set: FredResult<()> = if on {
            client.set(keys.maintenance(), "1", None, None, false).await
        } else {
            client.del(keys.maintenance()).await
        };
        set.map_err(failed("change the maintenance mode"))
    }

    /// Bounds the connections; `None`: unlimited.
    pub async fn set_max_connections(
        client: &Client,
        keys: &Keys,
        most: Option<u64>,
    ) -> Result<(), PubsubError> {
        let set: FredResult<()> = match most {
            Some(most) => {
                client
                    .set(
                        keys.max_allowed_connections(),
                        most.to_string(),
                        None,
                        None,
                        false,
                    )
                    .await
            }
            None => client.del(keys.max_allowed_connections()).await,
        };
        set.map_err(failed("change the number of connections"))
    }

    /// Replaces the unlimited addresses.
    pub async fn set_unlimited(
        client: &Client,
        keys: &Keys,
        addresses: &[IpAddr],
    ) -> Result<(), PubsubError> {
        let replace = async {
            let pipeline = client.pipeline();
            let _: () = pipeline.del(keys.unlimited_ips()).await?;
            if !addresses.is_empty() {
                let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                let _: () = pipeline.sadd(keys.unlimited_ips(), addresses).await?;
            }
            pipeline.all::<Value>().await.map(drop)
        };
        let replaced: FredResult<()> = replace.await;
        replaced.map_err(failed("change the unlimited addresses"))
    }
}

fn failed(operation: &'static str) -> impl Fn(fred::error::Error) -> PubsubError {
    move |source| PubsubError::Keys { operation, source }
}

/// `1`, `true`, `on`, `yes`, or any other text but those that say no.
fn is_truthy(value: &str) -> bool {
    !matches!(
        value.trim().to_ascii_lowercase().as_str(),
        "" | "0" | "false" | "off" | "no" | "null" | "nil"
    )
}

#[cfg(test)]
mod tests {
    use super::is_truthy;

    #[test]
    fn truth_as_operators_write_it() {
        assert!(
            ["1", "true", "ON", "yes", "since noon"]
                .into_iter()
                .all(is_truthy)
        );
        assert!(!["", "0", "false", "off", " no "].into_iter().any(is_truthy));
    }
}
