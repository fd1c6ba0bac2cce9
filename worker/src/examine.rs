//! Events from elsewhere, which no relay-ws has looked at: checked as if a client had sent them.

use protocol::{Event, InvalidEvent, KindClass, Reason, RelayUrl, Rulings, VerifiedEvent};
use runtime::config::Config;

use crate::policy::{self, Case};

/// Why an event is not stored.
#[derive(Debug, thiserror::Error)]
pub enum Unwelcome {
    /// It is none, or not in NIP-01's form.
    #[error("not an event: {0}")]
    Unreadable(#[source] serde_json::Error),
    /// Its id or signature is wrong.
    #[error(transparent)]
    Invalid(#[from] InvalidEvent),
    /// Policy says no.
    #[error("{0}")]
    Refused(Reason),
    /// Its time has passed: those who listened then have heard it elsewhere.
    #[error("ephemeral events are not stored")]
    Ephemeral,
    /// Its expiration has passed (NIP-40).
    #[error("the event has expired")]
    Expired,
}

/// What events have to obey beside NIP-01.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// The policy of this relay; `None`: every valid event is welcome.
    pub policy: Option<(&'a Config, &'a Rulings)>,
    /// What this relay is known by, as far as it is configured.
    pub urls: &'a [RelayUrl],
    /// Unix seconds.
    pub now: u64,
}

impl Rules<'_> {
    /// Reads an event and asks the rules: cheap, as its signature is not looked at.
    pub fn read(&self, json: &[u8]) -> Result<Event, Unwelcome> {
        let event: Event = serde_json::from_slice(json).map_err(Unwelcome::Unreadable)?;
        match self.policy {
            Some((config, rulings)) => {
                let case = Case {
                    event: &event,
                    bytes: json.trim_ascii().len(),
                    client: None,
                    rulings,
                    now: self.now,
                    urls: self.urls,
                };
                policy::check(&case, config)
            }
            None => policy::is_for_us(&event, None, self.urls),
        }
        .map_err(Unwelcome::Refused)?;
        if event.kind.class() == KindClass::Ephemeral {
            return Err(Unwelcome::Ephemeral);
        }
        if matches!(event.expiration(), Ok(Some(at)) if at <= self.now) {
            return Err(Unwelcome::Expired);
        }
        Ok(event)
    }
}

/// Checks id and signature.
pub fn verify(event: Event) -> Result<VerifiedEvent, Unwelcome> {
    Ok(VerifiedEvent::verify(event)?)
}

impl Unwelcome {
    /// One word, for counting.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Unreadable(_) | Self::Invalid(_) | Self::Expired => "invalid",
            Self::Refused(reason) => reason.prefix.as_str(),
            Self::Ephemeral => "ephemeral",
        }
    }
}
