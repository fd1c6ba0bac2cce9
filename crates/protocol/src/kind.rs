//! Event kinds and the classes that decide how they are stored.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The kind of an event: an integer between 0 and 65535 ([NIP-01](https://nips.nostr.com/1)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kind(pub u16);

/// How a relay keeps events of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KindClass {
    /// Every event is stored.
    Regular,
    /// One event per author and kind: the latest.
    Replaceable,
    /// Passed on to live subscriptions, never stored.
    Ephemeral,
    /// One event per author, kind and `d` tag: the latest.
    Addressable,
}

impl Kind {
    /// User metadata, replaceable.
    pub const METADATA: Self = Self(0);
    /// Encrypted direct message ([NIP-04](https://nips.nostr.com/4)).
    pub const DIRECT_MESSAGE: Self = Self(4);
    /// Deletion request ([NIP-09](https://nips.nostr.com/9)).
    pub const DELETION: Self = Self(5);
    /// Seal of a gift wrap ([NIP-59](https://nips.nostr.com/59)).
    pub const SEAL: Self = Self(13);
    /// Request to vanish ([NIP-62](https://nips.nostr.com/62)).
    pub const VANISH: Self = Self(62);
    /// Gift wrap ([NIP-59](https://nips.nostr.com/59)).
    pub const GIFT_WRAP: Self = Self(1059);
    /// A member was added; signed by the relay ([NIP-43](https://nips.nostr.com/43)).
    pub const MEMBER_ADDED: Self = Self(8000);
    /// A member was removed; signed by the relay.
    pub const MEMBER_REMOVED: Self = Self(8001);
    /// A role that members of a relay may have, addressable; signed by it.
    pub const ROLE: Self = Self(33534);
    /// The members of a relay, replaceable; signed by it.
    pub const MEMBERS: Self = Self(13534);
    /// A request to become a member, with an invitation code.
    pub const JOIN: Self = Self(28934);
    /// An invitation code, made by the relay for whoever asks for this kind.
    pub const INVITATION: Self = Self(28935);
    /// A request not to be a member any more.
    pub const LEAVE: Self = Self(28936);
    /// Client authentication ([NIP-42](https://nips.nostr.com/42)): never stored or broadcast.
    pub const AUTHENTICATION: Self = Self(22242);

    /// The class by NIP-01's ranges. Kinds that no range names are kept as regular ones.
    pub const fn class(self) -> KindClass {
        match self.0 {
            0 | 3 | 10_000..20_000 => KindClass::Replaceable,
            20_000..30_000 => KindClass::Ephemeral,
            30_000..40_000 => KindClass::Addressable,
            _ => KindClass::Regular,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_follow_the_ranges() {
        let cases = [
            (
                KindClass::Regular,
                &[1, 2, 4, 5, 7, 41, 44, 1000, 9999, 40_000, 65_535][..],
            ),
            (KindClass::Replaceable, &[0, 3, 10_000, 10_002, 19_999]),
            (KindClass::Ephemeral, &[20_000, 22_242, 29_999]),
            (KindClass::Addressable, &[30_000, 30_023, 39_999]),
        ];
        for (class, kinds) in cases {
            for kind in kinds {
                assert_eq!(Kind(*kind).class(), class, "kind {kind}");
            }
        }
    }
}
