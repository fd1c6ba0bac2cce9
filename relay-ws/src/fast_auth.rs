//! Fast Auth: a client proves a key while it connects, `wss://relay.example/?authorization=<kind 22242 event>`, and may do at once
//! what the key allows. The event names the relay and no challenge, so that it is good for one connection only: whoever uses
//! it again is closed, and so is who used it before, for one of the two has stolen it.

use std::{sync::Arc, time::Duration};

use fred::{
    clients::Client,
    interfaces::{FredResult, KeysInterface},
    types::{Expiration, SetOptions},
};
use metrics::counter;
use protocol::{Event, EventId, Prefix, Reason, VerifiedEvent};
use pubsub::{Address, Channel, Command, ConnectionId, Keys, Publisher};
use tracing::{debug, warn};

use crate::{
    connection::Connection,
    handlers::Cx,
    outbox::{Close, CloseReason},
    relay::Relay,
};

/// What the two are told.
const TWICE: &str = "restricted: this event has been used to connect twice";

/// The events by which clients were let in, over all processes, until they become too old.
pub struct UsedProofs {
    data: Client,
    keys: Keys,
}

/// Whether an event had been used.
enum Use {
    First,
    Again(Option<ConnectionId>),
}

/// Proves the key that a client brings along; whether it may stay.
pub async fn check_in(
    relay: &Arc<Relay>,
    connection: &Arc<Connection>,
    authorization: Option<String>,
) -> Result<(), Close> {
    if let Some(json) = authorization {
        prove(relay, connection, &json).await?;
    }
    let (client, min) = (connection.client(), relay.config.auth.min_level_connection);
    if u8::from(client.level) >= min {
        return Ok(());
    }
    Err(refuse(&if client.is_anonymous() {
        Reason::new(
            Prefix::AuthRequired,
            "connect with ?authorization=, a key has to be proven",
        )
    } else {
        Reason::new(Prefix::Restricted, "your key is not allowed here")
    }))
}

async fn prove(relay: &Arc<Relay>, connection: &Arc<Connection>, json: &str) -> Result<(), Close> {
    let invalid = |text: String| refuse(&Reason::new(Prefix::Invalid, text));
    let event: Event = serde_json::from_str(json)
        .map_err(|_| invalid("authorization is not an event in JSON".to_owned()))?;
    let cx = Cx { relay, connection };
    cx.is_proof(&event, None).map_err(|reason| refuse(&reason))?;
    // Once a connection: it need not wait behind the events of everybody.
    let checked = tokio::task::spawn_blocking(move || VerifiedEvent::verify(event)).await;
    let event = checked
        .map_err(|_| away())?
        .map_err(|error| invalid(error.to_string()))?;
    let now = runtime::clock::unix_millis() / 1000;
    let valid_s = (event.created_at + relay.config.auth.max_age_s).saturating_sub(now) + 1;
    let used = relay.used_proofs.take(event.id(), connection.id, valid_s).await;
    match used {
        Ok(Use::First) => {}
        Ok(Use::Again(before)) => {
            counter!("relay_auth_events_used_twice_total").increment(1);
            if let Some(before) = before {
                close(before, &relay.publisher).await;
            }
            return Err(Close::because(CloseReason::Restricted, TWICE));
        }
        Err(error) => {
            warn!(%error, "could not look whether an auth event has been used");
            return Err(away());
        }
    }
    relay.look_up_level(Arc::clone(connection), event.id(), event.pubkey);
    let patience = Duration::from_secs(u64::from(relay.config.websocket.auth_deadline_s));
    let proven = connection.proofs.wait_for(&event.pubkey);
    tokio::time::timeout(patience, proven).await.map_err(|_| away())
}

fn refuse(reason: &Reason) -> Close {
    debug!(%reason, "not let in");
    Close::because(CloseReason::Restricted, &reason.to_string())
}

fn away() -> Close {
    Close::because(
        CloseReason::Unavailable,
        "error: could not look up the key, try again later",
    )
}

impl UsedProofs {
    /// Through a connected client.
    pub fn new(data: Client, keys: Keys) -> Self {
        Self { data, keys }
    }

    /// Uses an event that is valid for so many seconds yet.
    async fn take(&self, event: EventId, by: ConnectionId, valid_s: u64) -> FredResult<Use> {
        let key = self.keys.used_auth_event(&event.to_string());
        let expire = Expiration::EX(i64::try_from(valid_s).unwrap_or(i64::MAX));
        let taken: Option<String> = self
            .data
            .set(&key, by.as_str(), Some(expire), Some(SetOptions::NX), false)
            .await?;
        if taken.is_some() {
            return Ok(Use::First);
        }
        let before: Option<String> = self.data.get(&key).await?;
        Ok(Use::Again(before.and_then(|id| id.parse().ok())))
    }
}

/// Closes a connection of any process.
async fn close(connection: ConnectionId, publisher: &Publisher) {
    let channel = Channel {
        address: Address::Connection(connection),
        subscription: None,
        command: Command::Terminate,
    };
    let close = format!(r#"[3403,"{TWICE}"]"#);
    if let Err(error) = publisher.publish(&channel, close).await {
        warn!(%error, "could not close a connection whose auth event was used again");
    }
}
