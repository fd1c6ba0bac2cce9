//! The machine-readable prefix of `OK` and `CLOSED` messages.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};

/// The single word before the colon ([NIP-01](https://nips.nostr.com/1), [NIP-42](https://nips.nostr.com/42)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prefix {
    /// Already stored, or a newer version is.
    Duplicate,
    /// Too little work in the id (NIP-13).
    Pow,
    /// This author, kind or content is not welcome.
    Blocked,
    /// Too much in too short a time.
    RateLimited,
    /// The message breaks the protocol.
    Invalid,
    /// Authenticated, and still not allowed.
    Restricted,
    /// Not authenticated yet.
    AuthRequired,
    /// An ephemeral event that nobody listened to.
    Mute,
    /// Valid, but this relay does not do it.
    Unsupported,
    /// A fault of the relay.
    Error,
}

impl Prefix {
    /// As it stands before the colon.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Pow => "pow",
            Self::Blocked => "blocked",
            Self::RateLimited => "rate-limited",
            Self::Invalid => "invalid",
            Self::Restricted => "restricted",
            Self::AuthRequired => "auth-required",
            Self::Mute => "mute",
            Self::Unsupported => "unsupported",
            Self::Error => "error",
        }
    }
}

/// Why something was refused: `"invalid: signature does not fit"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// For the client's program.
    pub prefix: Prefix,
    /// For its user.
    pub text: Cow<'static, str>,
}

impl Reason {
    /// A reason of these two parts.
    pub fn new(prefix: Prefix, text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            prefix,
            text: text.into(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.prefix.as_str(), self.text)
    }
}
