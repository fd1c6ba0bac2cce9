//! Events as they are parsed, before anybody vouched for them.

use serde::{Deserialize, Deserializer};

use crate::{
    Address, Kind, KindClass, Tags,
    hex::{self, hex_type},
};

hex_type!(
    /// The id of an event: the sha256 of its serialization ([NIP-01](https://nips.nostr.com/1)).
    EventId, 32
);
hex_type!(
    /// An x-only secp256k1 public key. Whether the point exists is only known after a signature check.
    PublicKey, 32
);
hex_type!(
    /// A BIP-340 Schnorr signature.
    Signature, 64
);

/// Largest `created_at`: what fits a signed 64-bit column.
pub const MAX_CREATED_AT: u64 = i64::MAX as u64;

/// An event whose shape is right and whose id and signature nobody has checked yet:
/// `{"id":…,"pubkey":…,"created_at":…,"kind":…,"tags":[…],"content":…,"sig":…}`
/// ([NIP-01](https://nips.nostr.com/1)). Unknown fields are left out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Event {
    /// sha256 of the serialized event.
    pub id: EventId,
    /// The author.
    pub pubkey: PublicKey,
    /// Unix time in seconds.
    #[serde(deserialize_with = "created_at")]
    pub created_at: u64,
    /// What the event is.
    pub kind: Kind,
    /// Arrays of strings.
    pub tags: Tags,
    /// Any text.
    pub content: String,
    /// Signature of `id` by `pubkey`.
    pub sig: Signature,
}

fn created_at<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let seconds = u64::deserialize(deserializer)?;
    if seconds > MAX_CREATED_AT {
        return Err(serde::de::Error::custom("created_at is out of range"));
    }
    Ok(seconds)
}

impl Event {
    /// What this event replaces older versions of: its address if it is replaceable or addressable.
    /// A missing `d` tag counts as an empty one.
    pub fn address(&self) -> Option<Address> {
        let identifier = match self.kind.class() {
            KindClass::Replaceable => String::new(),
            KindClass::Addressable => self.tags.first_value("d").unwrap_or_default().to_owned(),
            KindClass::Regular | KindClass::Ephemeral => return None,
        };
        Some(Address {
            kind: self.kind,
            pubkey: self.pubkey,
            identifier,
        })
    }

    /// When the event expires, in unix seconds ([NIP-40](https://nips.nostr.com/40)): `Ok(None)` for never,
    /// the tag's text as the error when it is no time.
    pub fn expiration(&self) -> Result<Option<u64>, &str> {
        let Some(tag) = self.tags.iter().find(|tag| tag.name() == Some("expiration")) else {
            return Ok(None);
        };
        let text = tag.value().unwrap_or_default();
        text.parse::<u64>()
            .map(|at| Some(at.min(MAX_CREATED_AT)))
            .map_err(|_| text)
    }

    /// Whether only the authenticated author may publish it: it has the tag `["-"]` ([NIP-70](https://nips.nostr.com/70)).
    pub fn is_protected(&self) -> bool {
        self.tags.iter().any(|tag| tag.name() == Some("-"))
    }
}

/// What stands at fixed places of canonical JSON, without parsing it: `id` is the first key, `pubkey` the second.
impl EventId {
    /// The id that an event's canonical JSON carries.
    pub fn of_canonical(json: &[u8]) -> Option<Self> {
        hex_at(json, r#"{"id":""#.len()).map(Self::from_bytes)
    }
}

impl PublicKey {
    /// The author that an event's canonical JSON names.
    pub fn of_canonical(json: &[u8]) -> Option<Self> {
        hex_at(json, r#"{"id":"","pubkey":""#.len() + 64).map(Self::from_bytes)
    }
}

impl Kind {
    /// The kind that an event's canonical JSON names.
    pub fn of_canonical(json: &[u8]) -> Option<Self> {
        // After two texts of fixed length comes created_at, whose digits nobody knows the number of.
        let created_at = json.get(r#"{"id":"","pubkey":"","created_at":"#.len() + 2 * 64..)?;
        let end = created_at.iter().position(|byte| *byte == b',')?;
        let kind = created_at[end..].strip_prefix(br#","kind":"#)?;
        let digits = kind.iter().position(|byte| *byte == b',')?;
        std::str::from_utf8(&kind[..digits]).ok()?.parse().ok().map(Self)
    }
}

fn hex_at(json: &[u8], start: usize) -> Option<[u8; 32]> {
    let text = std::str::from_utf8(json.get(start..start + 64)?).ok()?;
    hex::decode(text).ok()
}
