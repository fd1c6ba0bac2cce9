//! Messages on their way to relay-ws processes and plugins.

use bytes::Bytes;
use fred::{
    clients::Client,
    interfaces::{FredResult, KeysInterface, PubsubInterface},
};

use protocol::PublicKey;

use crate::{Address, Ballot, Channel, Command, ConnectionId, Keys, ProcessId, PubsubError, ReplyPage};

/// Publishes on the channels of this relay.
#[derive(Clone)]
pub struct Publisher {
    client: Client,
    keys: Keys,
}

impl Publisher {
    /// Publishes through a connected client. Waiting publishes of one client share round trips.
    pub fn new(client: Client, keys: Keys) -> Self {
        Self { client, keys }
    }

    /// Publishes a message; answers how many clients of Redis received it.
    pub async fn publish(
        &self,
        channel: &Channel<'_>,
        message: impl Into<Bytes>,
    ) -> Result<u64, PubsubError> {
        self.send(&channel.to_string(), message.into()).await
    }

    /// A copy for plugins; `channel` is without the namespace.
    pub async fn copy(&self, channel: String, payload: Bytes) -> Result<(), PubsubError> {
        self.send(&channel, payload).await.map(|_| ())
    }

    async fn send(&self, channel: &str, message: Bytes) -> Result<u64, PubsubError> {
        let name = self.keys.under(channel);
        self.client
            .publish(name.as_str(), message)
            .await
            .map_err(|source| PubsubError::Publish {
                channel: name,
                source,
            })
    }

    /// Events were stored or removed: what workers keep in memory is out of date. What is published after this call, or awaited
    /// together with it, is heard by nobody before.
    pub async fn changed(&self) -> Result<(), PubsubError> {
        let key = self.keys.last_change();
        let number = rand::random_range(0..i64::MAX);
        let mut told: FredResult<()> = self.client.set(&key, number, None, None, false).await;
        if told.is_err() {
            // A Redis whose memory is full still forgets: then nobody relies on what he knows.
            told = self.client.del(&key).await;
        }
        told.map_err(|source| PubsubError::Keys {
            operation: "tell of a change",
            source,
        })
    }

    /// A page of stored events for a subscription.
    pub async fn found_events(
        &self,
        connection: ConnectionId,
        subscription: &str,
        page: Bytes,
    ) -> Result<u64, PubsubError> {
        let channel = Channel {
            address: Address::Connection(connection),
            subscription: Some(subscription),
            command: Command::FoundEvents,
        };
        self.publish(&channel, page).await
    }

    /// A page of new events, for everybody or for one process that missed them.
    pub async fn new_events(&self, address: Address, page: Bytes) -> Result<u64, PubsubError> {
        self.publish(
            &Channel {
                address,
                subscription: None,
                command: Command::FoundEvents,
            },
            page,
        )
        .await
    }

    /// One new event, for plugins.
    pub async fn new_event(&self, canonical_json: String) -> Result<u64, PubsubError> {
        let channel = Channel {
            address: Address::All,
            subscription: None,
            command: Command::FoundEvent,
        };
        self.publish(&channel, canonical_json).await
    }

    /// The auth levels of these keys may have changed; of none: those of all.
    pub async fn levels_changed(&self, pubkeys: &[PublicKey]) -> Result<u64, PubsubError> {
        let channel = Channel {
            address: Address::All,
            subscription: None,
            command: Command::Levels,
        };
        let pubkeys: Vec<String> = pubkeys.iter().map(|key| format!("\"{key}\"")).collect();
        self.publish(&channel, format!("[{}]", pubkeys.join(","))).await
    }

    /// Who listened to the ephemeral events of another process's clients.
    pub async fn ballot(&self, process: ProcessId, ballot: &Ballot) -> Result<u64, PubsubError> {
        let channel = Channel {
            address: Address::Process(process),
            subscription: None,
            command: Command::Heard,
        };
        // Ids always have a JSON form.
        let message = serde_json::to_string(ballot).unwrap_or_default();
        self.publish(&channel, message).await
    }

    /// Answers for the connections of a process.
    pub async fn replies(&self, process: ProcessId, page: ReplyPage) -> Result<u64, PubsubError> {
        let channel = Channel {
            address: Address::Process(process),
            subscription: None,
            command: Command::Replies,
        };
        self.publish(&channel, page.finish()).await
    }
}
