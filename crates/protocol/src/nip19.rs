//! What people copy and paste: `npub1…`, `note1…`, `nprofile1…`, `nevent1…`, `naddr1…`
//! ([NIP-19](https://nips.nostr.com/19)), also behind `nostr:` ([NIP-21](https://nips.nostr.com/21)).

use bech32::{Bech32, Checksum, Hrp, primitives::decode::CheckedHrpstring};

use crate::{Address, EventId, Kind, PublicKey};

/// What a text points to. Relay hints are left out: who asks here has a relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pointer {
    /// `npub`, `nprofile`
    Profile(PublicKey),
    /// `note`, `nevent`
    Event(EventId),
    /// `naddr`
    Address(Address),
}

/// A text that points to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPointer {
    /// Not bech32 at all, or mistyped.
    #[error("not a NIP-19 text, or mistyped: its checksum is wrong")]
    Checksum,
    /// `nsec`: nobody should paste it anywhere.
    #[error("this is a secret key: do not give it to anybody")]
    Secret,
    /// Another thing, `nrelay` or what may come.
    #[error("nothing that points to a key or an event")]
    Other,
    /// The bytes are too few, or of a wrong form.
    #[error("something is missing in it")]
    Incomplete,
}

/// Text that is neither 64 lower-case hex characters nor an npub or nprofile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a public key is npub1… or 64 lower-case hex characters")]
pub struct InvalidPublicKey;

/// Text that is neither 64 lower-case hex characters nor a note or nevent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an event id is note1…, nevent1… or 64 lower-case hex characters")]
pub struct InvalidEventId;

/// Bech32 without its limit of 90 characters; NIP-19 suggests 5,000.
enum LongBech32 {}

impl Checksum for LongBech32 {
    type MidstateRepr = u32;
    const CODE_LENGTH: usize = 5000;
    const CHECKSUM_LENGTH: usize = Bech32::CHECKSUM_LENGTH;
    const GENERATOR_SH: [u32; 5] = Bech32::GENERATOR_SH;
    const TARGET_RESIDUE: u32 = Bech32::TARGET_RESIDUE;
}

/// The types of what is in the longer forms.
const SPECIAL: u8 = 0;
const AUTHOR: u8 = 2;
const KIND: u8 = 3;

impl Pointer {
    /// Reads what a person pasted.
    pub fn read(text: &str) -> Result<Self, InvalidPointer> {
        let text = text.trim();
        let text = text.strip_prefix("nostr:").unwrap_or(text);
        let decoded = CheckedHrpstring::new::<LongBech32>(text).map_err(|_| InvalidPointer::Checksum)?;
        let bytes: Vec<u8> = decoded.byte_iter().collect();
        match decoded.hrp().as_str().to_ascii_lowercase().as_str() {
            "npub" => Ok(Self::Profile(PublicKey::from_bytes(whole(&bytes)?))),
            "note" => Ok(Self::Event(EventId::from_bytes(whole(&bytes)?))),
            "nprofile" => Ok(Self::Profile(PublicKey::from_bytes(field(&bytes, SPECIAL)?))),
            "nevent" => Ok(Self::Event(EventId::from_bytes(field(&bytes, SPECIAL)?))),
            "naddr" => {
                let identifier = first(&bytes, SPECIAL).ok_or(InvalidPointer::Incomplete)?;
                let kind = u32::from_be_bytes(field(&bytes, KIND)?);
                Ok(Self::Address(Address {
                    kind: Kind(kind.try_into().map_err(|_| InvalidPointer::Incomplete)?),
                    pubkey: PublicKey::from_bytes(field(&bytes, AUTHOR)?),
                    identifier: String::from_utf8(identifier.to_vec())
                        .map_err(|_| InvalidPointer::Incomplete)?,
                }))
            }
            "nsec" => Err(InvalidPointer::Secret),
            _ => Err(InvalidPointer::Other),
        }
    }
}

impl PublicKey {
    /// `npub1…`
    pub fn npub(&self) -> String {
        encode("npub", self.as_bytes())
    }

    /// Reads what a person typed: hex, or what points to a key.
    pub fn read(text: &str) -> Result<Self, InvalidPublicKey> {
        if let Ok(key) = text.trim().parse() {
            return Ok(key);
        }
        match Pointer::read(text) {
            Ok(Pointer::Profile(key)) => Ok(key),
            _ => Err(InvalidPublicKey),
        }
    }
}

impl EventId {
    /// Reads what a person typed: hex, or what points to an event.
    pub fn read(text: &str) -> Result<Self, InvalidEventId> {
        if let Ok(id) = text.trim().parse() {
            return Ok(id);
        }
        match Pointer::read(text) {
            Ok(Pointer::Event(id)) => Ok(id),
            _ => Err(InvalidEventId),
        }
    }

    /// `nevent1…` with the author and the kind, so that clients elsewhere find it.
    pub fn nevent(&self, author: PublicKey, kind: Kind) -> String {
        let mut bytes = Vec::with_capacity(74);
        push(&mut bytes, SPECIAL, self.as_bytes());
        push(&mut bytes, AUTHOR, author.as_bytes());
        push(&mut bytes, KIND, &u32::from(kind.0).to_be_bytes());
        encode("nevent", &bytes)
    }
}

impl Address {
    /// `naddr1…`; `None` when the identifier is longer than the 255 bytes that it can hold.
    pub fn naddr(&self) -> Option<String> {
        if self.identifier.len() > 255 {
            return None;
        }
        let mut bytes = Vec::with_capacity(128);
        push(&mut bytes, SPECIAL, self.identifier.as_bytes());
        push(&mut bytes, AUTHOR, self.pubkey.as_bytes());
        push(&mut bytes, KIND, &u32::from(self.kind.0).to_be_bytes());
        Some(encode("naddr", &bytes))
    }
}

fn encode(prefix: &str, bytes: &[u8]) -> String {
    // Far below what it can hold.
    bech32::encode::<LongBech32>(Hrp::parse_unchecked(prefix), bytes).unwrap_or_default()
}

fn push(bytes: &mut Vec<u8>, kind: u8, value: &[u8]) {
    bytes.extend([kind, value.len() as u8]);
    bytes.extend_from_slice(value);
}

fn whole(bytes: &[u8]) -> Result<[u8; 32], InvalidPointer> {
    bytes.try_into().map_err(|_| InvalidPointer::Incomplete)
}

fn field<const N: usize>(bytes: &[u8], kind: u8) -> Result<[u8; N], InvalidPointer> {
    first(bytes, kind)
        .and_then(|value| value.try_into().ok())
        .ok_or(InvalidPointer::Incomplete)
}

/// The first value of a type: a byte of type, a byte of length, the value.
fn first(mut bytes: &[u8], kind: u8) -> Option<&[u8]> {
    while let [of, len, rest @ ..] = bytes {
        let (value, rest) = rest.split_at_checked(usize::from(*len))?;
        if *of == kind {
            return Some(value);
        }
        bytes = rest;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "3bf0c63fcb93463407af97a5e5ee64fa883d107ef9e558472c4eb9aaaefa459d";

    #[test]
    fn the_examples_of_nip_19() {
        let profile = Pointer::Profile(HEX.parse().unwrap());
        for text in [
            "npub180cvv07tjdrrgpa0j7j7tmnyl2yr6yr7l8j4s3evf6u64th6gkwsyjh6w6",
            "nprofile1qqsrhuxx8l9ex335q7he0f09aej04zpazpl0ne2cgukyawd24mayt8gpp4mhxue69uhhytnc9e3k7mgpz4mhxue69uhkg6nzv9ejuumpv34kytnrdaksjlyr9p",
        ] {
            assert_eq!(Pointer::read(text), Ok(profile.clone()), "{text}");
            assert_eq!(Pointer::read(&format!(" nostr:{text}\n")), Ok(profile.clone()));
            assert_eq!(Pointer::read(&text.to_uppercase()), Ok(profile.clone()));
        }
        let nsec = "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5";
        assert_eq!(Pointer::read(nsec), Err(InvalidPointer::Secret));
    }

    #[test]
    fn people_type_keys_and_ids() {
        let npub = "npub10elfcs4fr0l0r8af98jlmgdh9c8tcxjvz9qkw038js35mp4dma8qzvjptg";
        let hex = "7e7e9c42a91bfef19fa929e5fda1b72e0ebc1a4c1141673e2794234d86addf4e";
        let key: PublicKey = hex.parse().unwrap();
        assert_eq!(key.npub(), npub);
        for text in [npub, hex, &format!(" nostr:{npub}\n"), &format!("{hex} ")] {
            assert_eq!(PublicKey::read(text), Ok(key), "{text}");
        }
        let nsec = "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5";
        for text in ["", "npub1", &npub[..62], nsec, &hex.to_uppercase()] {
            assert_eq!(PublicKey::read(text), Err(InvalidPublicKey), "{text}");
        }
        let id: EventId = hex.parse().unwrap();
        assert_eq!(EventId::read(&id.nevent(key, Kind(1))), Ok(id));
        assert_eq!(EventId::read(npub), Err(InvalidEventId));
    }

    #[test]
    fn what_is_written_is_read() {
        let (id, author): (EventId, PublicKey) = (HEX.parse().unwrap(), HEX.parse().unwrap());
        let nevent = id.nevent(author, Kind(30023));
        assert!(nevent.starts_with("nevent1"), "{nevent}");
        assert_eq!(Pointer::read(&nevent), Ok(Pointer::Event(id)));
        for identifier in ["", "ipsum", "ümlaut:colon", &"x".repeat(255)] {
            let address = Address {
                kind: Kind(30023),
                pubkey: author,
                identifier: identifier.to_owned(),
            };
            let naddr = address.naddr().unwrap();
            assert_eq!(
                Pointer::read(&naddr),
                Ok(Pointer::Address(address)),
                "{identifier}"
            );
        }
    }

    #[test]
    fn what_points_to_nothing_is_refused() {
        for text in [
            "",
            "npub1",
            "hello",
            HEX,
            "npub180cvv07tjdrrgpa0j7j7tmnyl2yr6yr7l8j4s3evf6u64th6gkwsyjh6w7",
        ] {
            assert_eq!(Pointer::read(text), Err(InvalidPointer::Checksum), "{text}");
        }
        let short = bech32::encode::<Bech32>(Hrp::parse_unchecked("npub"), &[1; 31]).unwrap();
        assert_eq!(Pointer::read(&short), Err(InvalidPointer::Incomplete));
        let cut = bech32::encode::<Bech32>(Hrp::parse_unchecked("nevent"), &[0, 32, 1, 2]).unwrap();
        assert_eq!(Pointer::read(&cut), Err(InvalidPointer::Incomplete));
        let relay = bech32::encode::<Bech32>(Hrp::parse_unchecked("nrelay"), &[0, 1, 97]).unwrap();
        assert_eq!(Pointer::read(&relay), Err(InvalidPointer::Other));
    }
}
