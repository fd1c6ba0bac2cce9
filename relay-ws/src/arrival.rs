//! Whoever comes to the door: from where, and whether it is his turn. From here on his address pays for what his requests cost.

use std::sync::Arc;

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{StatusCode, header, request::Parts},
};
use runtime::peer::client_address;

use crate::{
    listener::Caller,
    origins::{Entered, Origin},
    relay::Relay,
    unfinished::Unfinished,
};

/// A request whose turn it is, as long as it is answered.
pub struct Arrival {
    /// Where it comes from.
    pub origin: Arc<Origin>,
    /// Its place among the connections and requests from there; none when there are too many, which a websocket is told by its close code.
    pub entered: Option<Entered>,
    /// What comes over its connection.
    pub unfinished: Unfinished,
}

impl<S> FromRequestParts<S> for Arrival
where
    S: Send + Sync,
    Arc<Relay>: FromRef<S>,
{
    /// 429: it is not its turn, and too many of its address are there to wait for it.
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, StatusCode> {
        let relay = Arc::<Relay>::from_ref(state);
        // The listener says this of every request.
        let Some(caller) = parts.extensions.get::<Caller>() else {
            return Err(StatusCode::INTERNAL_SERVER_ERROR);
        };
        let address = client_address(caller.peer, &parts.headers, &relay.config.websocket);
        let origin = relay.origins.origin(address);
        caller.spent.is_by(&origin);
        let unfinished = caller.unfinished.clone();
        // Who waits for his turn counts already: nobody has more at the door than he may have inside.
        let entered = Arc::clone(&origin).enter(relay.settings.is_unlimited(address));
        if entered.is_some() {
            origin.turn(&relay.settings).await;
        } else if !parts.headers.contains_key(header::UPGRADE) && origin.wait(&relay.settings).is_some() {
            return Err(StatusCode::TOO_MANY_REQUESTS);
        }
        Ok(Self {
            origin,
            entered,
            unfinished,
        })
    }
}
