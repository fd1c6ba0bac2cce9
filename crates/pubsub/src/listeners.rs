//! Whether anybody else listens: only then are copies of single events published.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use fred::{clients::Client, interfaces::ClientInterface, types::client::ClientKillType};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::PubsubError;

/// Our own connections to Redis carry names that start like this.
pub const CONNECTION_NAME: &str = "switchyard:";

/// How often the list of clients is read at most.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// When copies are published for plugins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copies {
    /// While a client that is not one of ours is subscribed.
    WhenHeard,
    /// In any case.
    Always,
    /// Never.
    Never,
}

/// Knows whether a plugin listens. Cheap to ask and to clone.
#[derive(Debug, Clone)]
pub struct Listeners(Arc<AtomicBool>);

impl Listeners {
    /// Starts with what the setting says; [`Self::watch`] keeps it true.
    pub fn new(copies: Copies) -> Self {
        Self(Arc::new(AtomicBool::new(copies == Copies::Always)))
    }

    /// Whether copies are to be published.
    pub fn are_there(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Looks at the subscribed clients of Redis every 100 ms until `stop`.
    pub async fn watch(self, client: Client, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => match look(&client).await {
                    Ok(heard) => self.0.store(heard, Ordering::Relaxed),
                    // Redis is away: nobody listens, and whoever uses Redis next reports it.
                    Err(error) => debug!(%error, "could not look for listeners"),
                },
            }
        }
    }
}

async fn look(client: &Client) -> Result<bool, PubsubError> {
    let list: String = client
        .client_list::<_, String>(Some(ClientKillType::Pubsub), None)
        .await
        .map_err(PubsubError::ListClients)?;
    Ok(list.lines().any(is_foreign))
}

/// A line of CLIENT LIST: `id=3 addr=… name=switchyard:0a1b2c3d … sub=0 psub=2 …`.
fn is_foreign(line: &str) -> bool {
    !line.is_empty()
        && !line.split(' ').any(|field| {
            field
                .strip_prefix("name=")
                .is_some_and(|name| name.starts_with(CONNECTION_NAME))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_connections_are_known_by_name() {
        assert!(!is_foreign(
            "id=3 addr=127.0.0.1:1 name=switchyard:0a1b2c3d sub=0 psub=2"
        ));
        assert!(is_foreign("id=4 addr=127.0.0.1:2 name= sub=0 psub=1"));
        assert!(is_foreign("id=5 addr=127.0.0.1:3 name=my-plugin sub=1 psub=0"));
        assert!(!is_foreign(""));
    }
}
