//! `/.well-known/nostr.json?name=bob` ([NIP-05](https://nips.nostr.com/5)): the names that operators gave, from Redis.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Query, State},
    http::{Response, StatusCode, header},
    response::IntoResponse,
};
use serde::Deserialize;
use tracing::debug;

use crate::{arrival::Arrival, relay::Relay, router::CORS};

const NOBODY: &str = r#"{"names":{}}"#;

/// Characters of a name at most.
const LONGEST: usize = 64;

#[derive(Deserialize)]
pub struct Asked {
    #[serde(default)]
    name: String,
}

/// Answers with the key of a name and where it is found; never with a redirect. Who names nobody gets nobody: the list of all
/// users is not public.
pub async fn answer(
    State(relay): State<Arc<Relay>>,
    _arrival: Arrival,
    Query(asked): Query<Asked>,
) -> Response<Body> {
    let name = asked.name.to_ascii_lowercase();
    let found = if name.is_empty() || name.len() > LONGEST {
        Ok(None)
    } else {
        relay.rulings.keys.name(&name).await
    };
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "public, max-age=60"),
    ];
    match found {
        Ok(found) => {
            let answer = found.unwrap_or_else(|| NOBODY.to_owned());
            (CORS, headers, answer).into_response()
        }
        Err(error) => {
            debug!(%error, "could not look up a name");
            (StatusCode::SERVICE_UNAVAILABLE, CORS).into_response()
        }
    }
}
