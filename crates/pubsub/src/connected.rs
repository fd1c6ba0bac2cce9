//! Who is connected, as relay-ws processes describe it in Redis.

use std::collections::{HashMap, HashSet};

use fred::{
    clients::Client,
    interfaces::{FredResult, HashesInterface, KeysInterface, SetsInterface},
};

use crate::{ConnectionId, Keys, PubsubError, server_time_ms, upkeep::SILENCE_MS};

/// Connections in one pipeline.
const PAGE: usize = 2000;

/// One connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connected {
    /// Its id; the first 8 characters name its process.
    pub id: ConnectionId,
    /// Where the client is.
    pub address: String,
    /// The proven key in hex; empty: none.
    pub pubkey: String,
    /// The auth level.
    pub level: u8,
    /// Unix seconds.
    pub start: u64,
    /// Messages from the client.
    pub requests: u64,
    /// Bytes from the client.
    pub incoming: u64,
    /// Bytes to the client.
    pub outgoing: u64,
    /// Subscriptions.
    pub subscriptions: u64,
}

/// Reads them.
#[derive(Clone)]
pub struct ConnectedClients {
    client: Client,
    keys: Keys,
}

impl ConnectedClients {
    /// Through a connected client.
    pub fn new(client: Client, keys: Keys) -> Self {
        Self { client, keys }
    }

    /// Every connection of every relay-ws process that is alive, in no order. Their subscriptions are not counted: that takes a look at
    /// a key of each.
    pub async fn all(&self) -> Result<Vec<Connected>, PubsubError> {
        self.read_all().await.map_err(failed("read who is connected"))
    }

    async fn read_all(&self) -> FredResult<Vec<Connected>> {
        let now_ms = server_time_ms(&self.client).await?;
        type Numbers = HashMap<String, u64>;
        type Texts = HashMap<String, String>;
        let (redis, keys) = (self.client.pipeline(), &self.keys);
        let _: () = redis.hgetall(keys.processes()).await?;
        let _: () = redis.smembers(keys.connections()).await?;
        let _: () = redis.hgetall(keys.connections_ips()).await?;
        let _: () = redis.hgetall(keys.authentications()).await?;
        let _: () = redis.hgetall(keys.authorizations()).await?;
        let _: () = redis.hgetall(keys.connections_starts()).await?;
        let _: () = redis.hgetall(keys.requests()).await?;
        let _: () = redis.hgetall(keys.incoming_traffic()).await?;
        let _: () = redis.hgetall(keys.outgoing_traffic()).await?;
        let (processes, ids, mut addresses, mut pubkeys, levels, starts, requests, incoming, outgoing): (
            Numbers,
            Vec<String>,
            Texts,
            Texts,
            Numbers,
            Numbers,
            Numbers,
            Numbers,
            Numbers,
        ) = redis.all().await?;
        let alive: HashSet<&str> = processes
            .iter()
            .filter(|(_, seen)| **seen + SILENCE_MS > now_ms)
            .map(|(process, _)| process.as_str())
            .collect();
        let number = |of: &Numbers, id: &str| of.get(id).copied().unwrap_or_default();
        let connected = ids
            .iter()
            .filter_map(|text| {
                let id: ConnectionId = text.parse().ok()?;
                alive.contains(id.process().as_str()).then(|| Connected {
                    id,
                    address: addresses.remove(text).unwrap_or_default(),
                    pubkey: pubkeys.remove(text).unwrap_or_default(),
                    level: u8::try_from(number(&levels, text)).unwrap_or_default(),
                    start: number(&starts, text),
                    requests: number(&requests, text),
                    incoming: number(&incoming, text),
                    outgoing: number(&outgoing, text),
                    subscriptions: 0,
                })
            })
            .collect();
        Ok(connected)
    }

    /// Counts the subscriptions of these.
    pub async fn count_subscriptions(&self, connected: &mut [Connected]) -> Result<(), PubsubError> {
        let count = async {
            for page in connected.chunks_mut(PAGE) {
                let redis = self.client.pipeline();
                for connection in page.iter() {
                    let _: () = redis.scard(self.keys.client_reqs(connection.id)).await?;
                }
                let counts: Vec<u64> = redis.all().await?;
                for (connection, count) in page.iter_mut().zip(counts) {
                    connection.subscriptions = count;
                }
            }
            Ok(())
        };
        let counted: FredResult<()> = count.await;
        counted.map_err(failed("count subscriptions"))
    }

    /// One connection; `None` when it is gone.
    pub async fn one(&self, id: ConnectionId) -> Result<Option<Connected>, PubsubError> {
        self.read_one(id).await.map_err(failed("read a connection"))
    }

    async fn read_one(&self, id: ConnectionId) -> FredResult<Option<Connected>> {
        let now_ms = server_time_ms(&self.client).await?;
        type Answer = (
            Option<u64>,
            bool,
            Option<String>,
            Option<String>,
            Option<u64>,
            Option<u64>,
            Option<u64>,
            Option<u64>,
            Option<u64>,
            u64,
        );
        let (redis, keys, field) = (self.client.pipeline(), &self.keys, id.as_str());
        let _: () = redis.hget(keys.processes(), id.process().as_str()).await?;
        let _: () = redis.sismember(keys.connections(), field).await?;
        let _: () = redis.hget(keys.connections_ips(), field).await?;
        let _: () = redis.hget(keys.authentications(), field).await?;
        let _: () = redis.hget(keys.authorizations(), field).await?;
        let _: () = redis.hget(keys.connections_starts(), field).await?;
        let _: () = redis.hget(keys.requests(), field).await?;
        let _: () = redis.hget(keys.incoming_traffic(), field).await?;
        let _: () = redis.hget(keys.outgoing_traffic(), field).await?;
        let _: () = redis.scard(keys.client_reqs(id)).await?;
        let (seen, is_listed, address, pubkey, level, start, requests, incoming, outgoing, subscriptions): Answer =
            redis.all().await?;
        let is_alive = is_listed && seen.is_some_and(|seen| seen + SILENCE_MS > now_ms);
        Ok(is_alive.then(|| Connected {
            id,
            address: address.unwrap_or_default(),
            pubkey: pubkey.unwrap_or_default(),
            level: u8::try_from(level.unwrap_or_default()).unwrap_or_default(),
            start: start.unwrap_or_default(),
            requests: requests.unwrap_or_default(),
            incoming: incoming.unwrap_or_default(),
            outgoing: outgoing.unwrap_or_default(),
            subscriptions,
        }))
    }

    /// The subscriptions of a connection by name, each with its filters in JSON.
    pub async fn subscriptions(&self, id: ConnectionId) -> Result<Vec<(String, String)>, PubsubError> {
        let read = async {
            let mut names: Vec<String> = self.client.smembers(self.keys.client_reqs(id)).await?;
            names.sort_unstable();
            if names.is_empty() {
                return Ok(Vec::new());
            }
            let keys: Vec<String> = names
                .iter()
                .map(|name| self.keys.subscription(id, name))
                .collect();
            let filters: Vec<Option<String>> = self.client.mget(keys).await?;
            // One that ended meanwhile has no filters any more.
            Ok(names
                .into_iter()
                .zip(filters)
                .filter_map(|(name, filters)| Some((name, filters?)))
                .collect())
        };
        let read: FredResult<_> = read.await;
        read.map_err(failed("read the subscriptions of a connection"))
    }
}

fn failed(operation: &'static str) -> impl Fn(fred::error::Error) -> PubsubError {
    move |source| PubsubError::Keys { operation, source }
}
