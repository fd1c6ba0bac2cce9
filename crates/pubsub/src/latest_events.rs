//! The list of the newest accepted events, for whoever wants to look in.

use fred::{
    clients::Client,
    interfaces::{FredResult, ListInterface},
};

use crate::{Keys, PubsubError};

/// Writes and reads `latest-events`.
#[derive(Clone)]
pub struct LatestEvents {
    client: Client,
    keys: Keys,
}

impl LatestEvents {
    /// Events in the list.
    pub const LENGTH: usize = 100;

    /// Through a connected client.
    pub fn new(client: Client, keys: Keys) -> Self {
        Self { client, keys }
    }

    /// Adds events, oldest first.
    pub async fn add(&self, canonical_json: Vec<String>) -> Result<(), PubsubError> {
        let newest = canonical_json.len().saturating_sub(Self::LENGTH);
        let events: Vec<String> = canonical_json.into_iter().skip(newest).collect();
        if events.is_empty() {
            return Ok(());
        }
        self.write(events).await.map_err(|source| PubsubError::Keys {
            operation: "list the latest events",
            source,
        })
    }

    /// Takes out the events for which `is_gone` holds.
    pub async fn remove(&self, is_gone: impl Fn(&str) -> bool) -> Result<(), PubsubError> {
        let listed = self.read().await?;
        for event in listed.into_iter().filter(|event| is_gone(event)) {
            let gone: FredResult<u64> = self.client.lrem(self.keys.latest_events(), 0, event).await;
            gone.map_err(|source| PubsubError::Keys {
                operation: "take events out of the latest",
                source,
            })?;
        }
        Ok(())
    }

    /// The events in the list, as canonical JSON, the newest first.
    pub async fn read(&self) -> Result<Vec<String>, PubsubError> {
        let events: FredResult<Vec<String>> = self.client.lrange(self.keys.latest_events(), 0, -1).await;
        events.map_err(|source| PubsubError::Keys {
            operation: "read the latest events",
            source,
        })
    }

    async fn write(&self, events: Vec<String>) -> FredResult<()> {
        let (pipeline, key) = (self.client.pipeline(), self.keys.latest_events());
        let _: () = pipeline.lpush(&key, events).await?;
        let _: () = pipeline.ltrim(&key, 0, Self::LENGTH as i64 - 1).await?;
        pipeline.all::<fred::types::Value>().await.map(drop)
    }
}
