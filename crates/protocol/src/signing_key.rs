//! Events that we sign ourselves.

use std::{fmt, str::FromStr};

use secp256k1::{Keypair, SECP256K1, SecretKey};

use crate::{Event, EventId, Kind, PublicKey, Signature, Tags, VerifiedEvent, canonical, hex};

/// A secret key and its public key: the relay's own identity (`self` of [NIP-11](https://nips.nostr.com/11)).
#[derive(Clone)]
pub struct SigningKey(Keypair);

/// A text that is no secret key. It is not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a secret key is 64 lower-case hex characters, and a number below the order of the curve")]
pub struct InvalidSecretKey;

/// An event before it is signed.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// Unix seconds.
    pub created_at: u64,
    /// Its kind.
    pub kind: u16,
    /// Its tags.
    pub tags: Vec<Vec<String>>,
    /// Its content.
    pub content: String,
}

impl SigningKey {
    /// The public key.
    pub fn public_key(&self) -> PublicKey {
        PublicKey::from_bytes(self.0.x_only_public_key().0.serialize())
    }

    /// Signs an event: the same draft gives the same bytes.
    pub fn sign(&self, draft: Draft) -> VerifiedEvent {
        let mut event = Event {
            id: EventId::from_bytes([0; 32]),
            pubkey: self.public_key(),
            created_at: draft.created_at,
            kind: Kind(draft.kind),
            tags: Tags::from_iter(draft.tags),
            content: draft.content,
            sig: Signature::from_bytes([0; 64]),
        };
        event.id = canonical::json(&event).1;
        let signature = SECP256K1.sign_schnorr_no_aux_rand(event.id.as_bytes(), &self.0);
        event.sig = Signature::from_bytes(signature.to_byte_array());
        VerifiedEvent::signed(event)
    }
}

impl FromStr for SigningKey {
    type Err = InvalidSecretKey;

    fn from_str(text: &str) -> Result<Self, InvalidSecretKey> {
        let bytes = hex::decode(text).map_err(|_| InvalidSecretKey)?;
        let secret = SecretKey::from_byte_array(bytes).map_err(|_| InvalidSecretKey)?;
        Ok(Self(Keypair::from_secret_key(SECP256K1, &secret)))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public_key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_is_verified() {
        let key: SigningKey = "07".repeat(32).parse().unwrap();
        let draft = Draft {
            created_at: 1_700_000_000,
            kind: 13_534,
            tags: vec![vec!["-".to_owned()]],
            content: "quote \" and NUL \0".to_owned(),
        };
        let event = key.sign(draft.clone());
        assert_eq!(event.pubkey, key.public_key());
        assert_eq!(VerifiedEvent::verify(event.event().clone()).unwrap(), event);
        assert_eq!(key.sign(draft), event);
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_repeated() {
        for text in [
            String::new(),
            "00".repeat(32),
            "ff".repeat(32),
            "7".repeat(63),
            "AB".repeat(32),
        ] {
            let error = text.parse::<SigningKey>().unwrap_err().to_string();
            assert!(text.is_empty() || !error.contains(&text));
        }
        let secret = "07".repeat(32);
        assert!(!format!("{:?}", secret.parse::<SigningKey>().unwrap()).contains(&secret));
    }
}
