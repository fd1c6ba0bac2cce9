//! Keys that their owners left behind: a relay-ws process that was killed cleans up nothing.

use std::{collections::HashMap, pin::pin};

use fred::{
    clients::Client,
    interfaces::{FredResult, HashesInterface, KeysInterface, SetsInterface},
    types::{Value, scan::Scanner},
};
use futures::TryStreamExt;

use crate::{ConnectionId, Keys, PubsubError};

/// A process that has been silent for longer is dead: it gives a sign every second.
const SILENCE_MS: u64 = 10_000;

/// Keys of one SCAN step, and connections removed in one pipeline.
const PAGE: u32 = 500;

/// Removes what killed processes left.
#[derive(Clone)]
pub struct Upkeep {
    client: Client,
    keys: Keys,
}

impl Upkeep {
    /// Through a connected client.
    pub fn new(client: Client, keys: Keys) -> Self {
        Self { client, keys }
    }

    /// Removes the connections of relay-ws processes that are not alive at `now_ms` (unix milliseconds), with everything
    /// that belongs to them; answers how many.
    pub async fn remove_dead_connections(&self, now_ms: u64) -> Result<usize, PubsubError> {
        self.dead_connections(now_ms)
            .await
            .map_err(|source| PubsubError::Keys {
                operation: "remove dead connections",
                source,
            })
    }

    async fn dead_connections(&self, now_ms: u64) -> FredResult<usize> {
        let processes: HashMap<String, u64> = self.client.hgetall(self.keys.processes()).await?;
        let is_alive = |process: &str| {
            processes
                .get(process)
                .is_some_and(|seen| seen + SILENCE_MS > now_ms)
        };
        let mut dead = Vec::new();
        let mut pages = pin!(self.client.sscan(self.keys.connections(), "*", Some(PAGE)));
        while let Some(mut page) = pages.try_next().await? {
            for value in page.take_results().unwrap_or_default() {
                match value.as_string().and_then(|id| id.parse::<ConnectionId>().ok()) {
                    Some(id) if is_alive(id.process().as_str()) => {}
                    Some(id) => dead.push(id),
                    None => self.client.srem(self.keys.connections(), value).await?,
                }
            }
            page.next();
        }
        for connections in dead.chunks(PAGE as usize) {
            self.remove(connections).await?;
        }
        for (process, _) in processes.iter().filter(|(process, _)| !is_alive(process)) {
            let _: () = self.client.hdel(self.keys.processes(), process.as_str()).await?;
        }
        Ok(dead.len())
    }

    async fn remove(&self, connections: &[ConnectionId]) -> FredResult<()> {
        let pipeline = self.client.pipeline();
        for id in connections {
            let subscriptions: Vec<String> = self.client.smembers(self.keys.client_reqs(*id)).await?;
            for subscription in subscriptions {
                let _: () = pipeline.del(self.keys.subscription(*id, &subscription)).await?;
            }
            let _: () = pipeline.del(self.keys.client_reqs(*id)).await?;
            for hash in self.keys.connection_hashes() {
                let _: () = pipeline.hdel(hash, id.as_str()).await?;
            }
            // Last: a connection that is still listed here is found again if this is interrupted.
            let _: () = pipeline.srem(self.keys.connections(), id.as_str()).await?;
        }
        pipeline.all::<Value>().await.map(drop)
    }

    /// Gives an end to counters of addresses that lost theirs, so that nobody is limited for ever; answers how many.
    pub async fn expire_address_counters(&self) -> Result<usize, PubsubError> {
        self.endless_counters().await.map_err(|source| PubsubError::Keys {
            operation: "expire counters of addresses",
            source,
        })
    }

    async fn endless_counters(&self) -> FredResult<usize> {
        let mut endless = 0;
        let mut pages = self
            .client
            .scan(self.keys.all_address_requests(), Some(PAGE), None);
        while let Some(mut page) = pages.try_next().await? {
            for key in page.take_results().unwrap_or_default() {
                // -1: no end.
                if self.client.ttl::<i64, _>(key.clone()).await? == -1 {
                    let _: () = self.client.del(key).await?;
                    endless += 1;
                }
            }
            page.next();
        }
        Ok(endless)
    }
}
