//! Signed events.

use std::time::{SystemTime, UNIX_EPOCH};

use protocol::{Event, VerifiedEvent};
use secp256k1::{Keypair, SECP256K1, SecretKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A key pair with a name: the same name is the same key in every test.
#[derive(Debug, Clone)]
pub struct Keys(Keypair);

impl Keys {
    /// The keys of somebody.
    pub fn of(name: &str) -> Self {
        let secret =
            SecretKey::from_byte_array(Sha256::digest(name).into()).expect("a hash is nearly always a key");
        Self(Keypair::from_secret_key(SECP256K1, &secret))
    }

    /// Hex of the public key.
    pub fn pubkey(&self) -> String {
        hex(&self.0.x_only_public_key().0.serialize())
    }

    /// A token that lets somebody sign for these keys under conditions (NIP-26).
    pub fn delegate(&self, to: &str, conditions: &str) -> String {
        let text = format!("nostr:delegation:{}:{conditions}", Self::of(to).pubkey());
        self.sign(&Sha256::digest(text).into())
    }

    fn sign(&self, id: &[u8; 32]) -> String {
        hex(SECP256K1.sign_schnorr_no_aux_rand(id, &self.0).as_byte_array())
    }
}

/// An event in the making.
#[derive(Debug, Clone)]
pub struct EventBuilder {
    keys: Keys,
    created_at: u64,
    kind: u16,
    tags: Vec<Vec<String>>,
    content: String,
}

/// A kind 1 note by Alice, now.
pub fn note(content: &str) -> EventBuilder {
    event(1).content(content)
}

/// An event by Alice, now.
pub fn event(kind: u16) -> EventBuilder {
    EventBuilder {
        keys: Keys::of("alice"),
        created_at: now(),
        kind,
        tags: Vec::new(),
        content: String::new(),
    }
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("it is after 1970")
        .as_secs()
}

impl EventBuilder {
    /// By somebody else.
    #[must_use]
    pub fn by(mut self, name: &str) -> Self {
        self.keys = Keys::of(name);
        self
    }

    /// At another time, unix seconds.
    #[must_use]
    pub fn at(mut self, created_at: u64) -> Self {
        self.created_at = created_at;
        self
    }

    /// So many seconds from now.
    #[must_use]
    pub fn in_seconds(mut self, seconds: i64) -> Self {
        self.created_at = self.created_at.saturating_add_signed(seconds);
        self
    }

    /// With this content.
    #[must_use]
    pub fn content(mut self, content: &str) -> Self {
        content.clone_into(&mut self.content);
        self
    }

    /// With a further tag.
    #[must_use]
    pub fn tag<const N: usize>(mut self, tag: [&str; N]) -> Self {
        self.tags.push(tag.map(str::to_owned).into());
        self
    }

    /// Signed, as JSON.
    pub fn sign(&self) -> Value {
        let pubkey = self.keys.pubkey();
        let preimage = json!([0, pubkey, self.created_at, self.kind, self.tags, self.content]).to_string();
        let id: [u8; 32] = Sha256::digest(preimage).into();
        json!({
            "id": hex(&id), "pubkey": pubkey, "created_at": self.created_at, "kind": self.kind,
            "tags": self.tags, "content": self.content, "sig": self.keys.sign(&id),
        })
    }

    /// Signed and verified.
    pub fn verified(&self) -> VerifiedEvent {
        let event: Event = serde_json::from_value(self.sign()).expect("it is an event");
        VerifiedEvent::verify(event).expect("it is signed")
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
