//! The name that a client gives a subscription.

use std::{borrow::Borrow, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// A subscription id: 1 to 64 characters of any kind, `:` and `*` and spaces too
/// ([NIP-01](https://nips.nostr.com/1)). It means something on its own connection only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SubscriptionId(Arc<str>);

/// A text that is no subscription id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a subscription id has 1 to {} characters", SubscriptionId::MAX_CHARS)]
pub struct InvalidSubscriptionId;

impl SubscriptionId {
    /// Longest id, in characters.
    pub const MAX_CHARS: usize = 64;

    /// Checks the length. NIP-01 counts characters; four bytes is the longest of them.
    pub fn new(text: &str) -> Result<Self, InvalidSubscriptionId> {
        let too_long = text.len() > Self::MAX_CHARS
            && (text.len() > 4 * Self::MAX_CHARS || text.chars().count() > Self::MAX_CHARS);
        if text.is_empty() || too_long {
            return Err(InvalidSubscriptionId);
        }
        Ok(Self(text.into()))
    }

    /// The text as the client wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SubscriptionId {
    type Error = InvalidSubscriptionId;

    fn try_from(text: String) -> Result<Self, InvalidSubscriptionId> {
        Self::new(&text)
    }
}

impl From<SubscriptionId> for String {
    fn from(id: SubscriptionId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl Borrow<str> for SubscriptionId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SubscriptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SubscriptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_characters_not_bytes() {
        assert!(SubscriptionId::new("").is_err());
        assert!(SubscriptionId::new(&"x".repeat(64)).is_ok());
        assert!(SubscriptionId::new(&"x".repeat(65)).is_err());
        assert!(SubscriptionId::new(&"😀".repeat(64)).is_ok());
        assert!(SubscriptionId::new(&"😀".repeat(65)).is_err());
        assert!(SubscriptionId::new("a:b *").is_ok());
    }
}
