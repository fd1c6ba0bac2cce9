//! Who sends an HTTP request: `Authorization: Nostr <base64 of a kind 27235 event>` ([NIP-98](https://nips.nostr.com/98)).

use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};

use crate::{Event, InvalidEvent, VerifiedEvent};

/// The kind of these events.
const KIND: u16 = 27_235;

/// Seconds that `created_at` may lie from now, as the text suggests.
pub const HTTP_AUTH_WINDOW: u64 = 60;

/// Characters of the header at most: an event with a URL and a hash has some hundred.
const LONGEST: usize = 16 * 1024;

/// A request, as the event has to describe it.
#[derive(Debug, Clone, Copy)]
pub struct SignedRequest<'a> {
    /// `Authorization`.
    pub authorization: &'a str,
    /// Absolute URLs that it may name: one of them, exactly, but for a slash after the host.
    pub urls: &'a [String],
    /// `GET`, `POST`, …
    pub method: &'a str,
    /// The body; with `Some` the `payload` tag has to be its hash.
    pub body: Option<&'a [u8]>,
    /// Unix seconds.
    pub now: u64,
}

/// Why a request is not authorized.
#[derive(Debug, thiserror::Error)]
pub enum Unauthorized {
    /// No `Nostr` scheme, no base64, no event.
    #[error("the Authorization header holds no event: Nostr <base64>")]
    Header,
    /// Another kind.
    #[error("the event is not of kind 27235")]
    Kind,
    /// Too old, or from the future.
    #[error("created_at is more than 60 seconds from now")]
    Time,
    /// For another URL.
    #[error("the u tag is not this URL")]
    Url,
    /// For another method.
    #[error("the method tag is not this method")]
    Method,
    /// For another body, or for none.
    #[error("the payload tag is not the sha256 of the body")]
    Payload,
    /// A wrong id or signature.
    #[error("{0}")]
    Event(#[from] InvalidEvent),
}

impl SignedRequest<'_> {
    /// The event that authorizes it; its `pubkey` sends the request. Whether it was used before is for the caller to know.
    pub fn verify(&self) -> Result<VerifiedEvent, Unauthorized> {
        let event = event_of(self.authorization).ok_or(Unauthorized::Header)?;
        if event.kind.0 != KIND {
            return Err(Unauthorized::Kind);
        }
        if event.created_at.abs_diff(self.now) > HTTP_AUTH_WINDOW {
            return Err(Unauthorized::Time);
        }
        let url = event.tags.first_value("u").unwrap_or_default();
        if !self.urls.iter().any(|own| is_same_url(own, url)) {
            return Err(Unauthorized::Url);
        }
        if event.tags.first_value("method") != Some(self.method) {
            return Err(Unauthorized::Method);
        }
        if let Some(body) = self.body {
            let hash: String = Sha256::digest(body)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            if event.tags.first_value("payload") != Some(&hash) {
                return Err(Unauthorized::Payload);
            }
        }
        Ok(VerifiedEvent::verify(event)?)
    }
}

fn event_of(authorization: &str) -> Option<Event> {
    let (scheme, text) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("nostr") || text.len() > LONGEST {
        return None;
    }
    serde_json::from_slice(&BASE64_STANDARD.decode(text.trim()).ok()?).ok()
}

fn is_same_url(own: &str, url: &str) -> bool {
    own.trim_end_matches('/') == url.trim_end_matches('/') && !own.is_empty()
}
