//! How far a connection is trusted.

use serde::{Deserialize, Serialize};

/// The auth level of a connection: 0 to 4, a number in JSON and in Redis.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
#[repr(u8)]
pub enum AuthLevel {
    /// No key has been proven.
    #[default]
    Anonymous = 0,
    /// A key has been proven by [NIP-42](https://nips.nostr.com/42).
    Key = 1,
    /// The key belongs to a registered user.
    Registered = 2,
    /// That user's subscription is active.
    Subscriber = 3,
    /// The operator trusts the key.
    Trusted = 4,
}

/// A number that is no auth level.
#[derive(Debug, thiserror::Error)]
#[error("auth levels go from 0 to 4, not {0}")]
pub struct InvalidAuthLevel(u8);

impl From<AuthLevel> for u8 {
    fn from(level: AuthLevel) -> Self {
        level as Self
    }
}

impl TryFrom<u8> for AuthLevel {
    type Error = InvalidAuthLevel;

    fn try_from(level: u8) -> Result<Self, InvalidAuthLevel> {
        Ok(match level {
            0 => Self::Anonymous,
            1 => Self::Key,
            2 => Self::Registered,
            3 => Self::Subscriber,
            4 => Self::Trusted,
            other => return Err(InvalidAuthLevel(other)),
        })
    }
}
