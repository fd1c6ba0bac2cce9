//! What a relay-ws process hears.

use bytes::Bytes;
use fred::{
    clients::SubscriberClient,
    interfaces::{ClientInterface, ClientLike, EventInterface, PubsubInterface},
    prelude::{Builder, Config, ReconnectPolicy},
    types::{Message, RespVersion},
};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tracing::warn;

use crate::{CONNECTION_NAME, Keys, ProcessId, PubsubError};

/// Messages that may wait between the socket to Redis and the loop that takes them, which only looks up and hands over.
/// At 256 kB a page this many is already a relay that cannot keep up: then a gap is reported and made up for.
const WAITING: usize = 8192;

/// Something that came through pub/sub.
#[derive(Debug)]
pub enum Incoming {
    /// A message. The channel is without the namespace.
    Message {
        /// `events:…`
        channel: String,
        /// Its payload.
        payload: Bytes,
    },
    /// Messages have been lost: the connection broke, or this process was too slow. From here on all are heard again.
    Gap,
}

/// The one pub/sub connection of a relay-ws process, with two patterns: its own channels and everybody's.
pub struct Subscriber {
    client: SubscriberClient,
    process: ProcessId,
    patterns: [String; 2],
    messages: Receiver<Message>,
    reconnects: Receiver<fred::types::config::Server>,
    namespace: usize,
    connected: bool,
}

impl Subscriber {
    /// Connects and subscribes; later reconnects by itself, for ever.
    pub async fn connect(url: &str, keys: &Keys, process: ProcessId) -> Result<Self, PubsubError> {
        let mut config = Config::from_url(url).map_err(PubsubError::Connect)?;
        // Only RESP3 lets a subscribed connection be named.
        config.version = RespVersion::RESP3;
        let client = Builder::from_config(config)
            .with_performance_config(|config| config.broadcast_channel_capacity = WAITING)
            .set_policy(ReconnectPolicy::new_exponential(0, 50, 2_000, 2))
            .build_subscriber_client()
            .map_err(PubsubError::Connect)?;
        let (messages, reconnects) = (client.message_rx(), client.reconnect_rx());
        client.init().await.map_err(PubsubError::Connect)?;
        let patterns = [keys.process_channels(process), keys.common_channels()];
        let namespace = keys.namespace().len();
        let subscriber = Self {
            client,
            process,
            patterns,
            messages,
            reconnects,
            namespace,
            connected: false,
        };
        subscriber.subscribe().await?;
        Ok(subscriber)
    }

    /// The name comes first: without it the connection would be taken for a plugin's.
    async fn subscribe(&self) -> Result<(), PubsubError> {
        let name = format!("{CONNECTION_NAME}{}", self.process);
        self.client
            .client_setname(name)
            .await
            .map_err(PubsubError::Connect)?;
        for pattern in &self.patterns {
            self.client
                .psubscribe(pattern.as_str())
                .await
                .map_err(|source| PubsubError::Subscribe {
                    pattern: pattern.clone(),
                    source,
                })?;
        }
        Ok(())
    }

    async fn resubscribe(&self) -> Incoming {
        // Should the connection break again meanwhile, then the next reconnect is reported as well.
        if let Err(error) = self.subscribe().await {
            warn!(%error, "could not subscribe again after a reconnect");
        }
        Incoming::Gap
    }

    /// The next message or gap; `None` when the client has ended.
    pub async fn next(&mut self) -> Option<Incoming> {
        loop {
            tokio::select! {
                biased;
                reconnect = self.reconnects.recv() => match reconnect {
                    // The first connection is reported too.
                    Ok(_) if !self.connected => self.connected = true,
                    Ok(_) | Err(RecvError::Lagged(_)) => return Some(self.resubscribe().await),
                    Err(RecvError::Closed) => return None,
                },
                message = self.messages.recv() => match message {
                    Ok(message) => if let Some(incoming) = self.read(message) {
                        return Some(incoming);
                    },
                    Err(RecvError::Lagged(_)) => return Some(Incoming::Gap),
                    Err(RecvError::Closed) => return None,
                },
            }
        }
    }

    /// The connection, for whoever keeps it alive: one that only listens does not notice that a network has swallowed it.
    pub fn connection(&self) -> SubscriberClient {
        self.client.clone()
    }

    /// Whether the connection is up now.
    pub fn is_connected(&self) -> bool {
        self.client.is_connected()
    }

    fn read(&self, message: Message) -> Option<Incoming> {
        let channel = message.channel.get(self.namespace..)?.to_owned();
        let payload = message.value.into_bytes()?;
        Some(Incoming::Message { channel, payload })
    }
}
