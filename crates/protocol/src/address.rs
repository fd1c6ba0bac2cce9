//! Addresses of replaceable and addressable events, as `a` tags write them.

use std::{fmt, str::FromStr};

use crate::{Kind, PublicKey};

/// `<kind>:<pubkey>:<d tag>`; the last part is empty for a replaceable event ([NIP-01](https://nips.nostr.com/1)).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The kind.
    pub kind: Kind,
    /// The author.
    pub pubkey: PublicKey,
    /// The value of the `d` tag.
    pub identifier: String,
}

/// A text that is no address.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("an address is <kind>:<pubkey>:<d tag>")]
pub struct InvalidAddress;

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        // The d tag may hold colons itself: split from the left.
        let mut parts = text.splitn(3, ':');
        let (Some(kind), Some(pubkey), Some(identifier)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(InvalidAddress);
        };
        Ok(Self {
            kind: Kind(kind.parse().map_err(|_| InvalidAddress)?),
            pubkey: pubkey.parse().map_err(|_| InvalidAddress)?,
            identifier: identifier.to_owned(),
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.kind, self.pubkey, self.identifier)
    }
}
