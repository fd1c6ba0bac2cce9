//! Keys that their owners left behind: a relay-ws process that was killed cleans up nothing.

use std::{collections::HashMap, pin::pin};

use fred::{
    clients::Client,
    interfaces::{FredResult, HashesInterface, KeysInterface, SetsInterface},
    types::{Value, scan::Scanner},
};
use futures::TryStreamExt;

use crate::{ConnectionId, Keys, PubsubError, server_time_ms};

/// A process that has been silent for longer is dead: it gives a sign every second.
pub(crate) const SILENCE_MS: u64 = 10_000;

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

    /// Removes the connections of relay-ws processes that are not alive, with everything that belongs to them; answers
    /// how many.
    pub async fn remove_dead_connections(&self) -> Result<usize, PubsubError> {
        self.dead_connections().await.map_err(|source| PubsubError::Keys {
            operation: "remove dead connections",
            source,
        })
    }

    async fn dead_connections(&self) -> FredResult<usize> {
        let now_ms = server_time_ms(&self.client).await?;
        let mut listed = Vec::new();
        let mut pages = pin!(self.client.sscan(self.keys.connections(), "*", Some(PAGE)));
        while let Some(mut page) = pages.try_next().await? {
            for value in page.take_results().unwrap_or_default() {
                match value.as_string().and_then(|id| id.parse::<ConnectionId>().ok()) {
                    Some(id) => listed.push(id),
                    None => self.client.srem(self.keys.connections(), value).await?,
                }
            }
            page.next();
        }
        // Read after the connections: a process that started meanwhile has given its first sign before.
        let seen: HashMap<String, u64> = self.client.hgetall(self.keys.processes()).await?;
        let is_alive = |process: &str| seen.get(process).is_some_and(|at| at + SILENCE_MS > now_ms);
        listed.retain(|id| !is_alive(id.process().as_str()));
        for connections in listed.chunks(PAGE as usize) {
            self.remove(connections).await?;
        }
        let silent: Vec<&str> = seen
            .keys()
            .map(String::as_str)
            .filter(|id| !is_alive(id))
            .collect();
        if !silent.is_empty() {
            let _: () = self.client.hdel(self.keys.processes(), silent).await?;
        }
        Ok(listed.len())
    }

    /// Two round trips, however many connections.
    async fn remove(&self, connections: &[ConnectionId]) -> FredResult<()> {
        let asked = self.client.pipeline();
        for id in connections {
            let _: () = asked.smembers(self.keys.client_reqs(*id)).await?;
        }
        let subscriptions: Vec<Vec<String>> = asked.all().await?;
        let removal = self.client.pipeline();
        for (id, subscriptions) in connections.iter().zip(subscriptions) {
            let mut keys = vec![self.keys.client_reqs(*id)];
            keys.extend(subscriptions.iter().map(|name| self.keys.subscription(*id, name)));
            let _: () = removal.del(keys).await?;
        }
        let ids: Vec<&str> = connections.iter().map(ConnectionId::as_str).collect();
        for hash in self.keys.connection_hashes() {
            let _: () = removal.hdel(hash, ids.clone()).await?;
        }
        // Last: a connection that is still listed here is found again if this is interrupted.
        let _: () = removal.srem(self.keys.connections(), ids).await?;
        removal.all::<Value>().await.map(drop)
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
            let mut keys = page.take_results().unwrap_or_default();
            let asked = self.client.pipeline();
            for key in &keys {
                let _: () = asked.ttl(key.clone()).await?;
            }
            let ttls: Vec<i64> = if keys.is_empty() {
                Vec::new()
            } else {
                asked.all().await?
            };
            let mut ttls = ttls.into_iter();
            // -1: no end.
            keys.retain(|_| ttls.next() == Some(-1));
            if !keys.is_empty() {
                endless += keys.len();
                let _: () = self.client.del(keys).await?;
            }
            page.next();
        }
        Ok(endless)
    }
}
