//! Random texts that stand for something: a session, a set-up link.

use std::fmt::Write;

use rand::RngCore;
use sha2::{Digest, Sha256};

/// 256 random bits in hex. Only its hash is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// A new one.
    pub fn random() -> Self {
        let mut bytes = [0; 32];
        rand::rng().fill_bytes(&mut bytes);
        Self(hex(&bytes))
    }

    /// What a browser brought; `None` if it cannot be one.
    pub fn read(text: &str) -> Option<Self> {
        let is_hex = text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_hex.then(|| Self(text.to_owned()))
    }

    /// The text, for the browser.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }

    /// Hex of [`Self::hash`].
    pub fn hash_hex(&self) -> String {
        hex(&self.hash())
    }

    /// What forms of its browser carry: nobody gets from here to the token.
    pub fn csrf(&self) -> String {
        hex(&Sha256::digest(format!("csrf:{}", self.0)))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String never fails.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
