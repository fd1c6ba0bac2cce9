//! Who signs.

use secp256k1::{Keypair, SECP256K1, SecretKey};
use sha2::{Digest, Sha256};

/// A key pair; the same seed and number give the same one.
pub struct Author {
    keypair: Keypair,
    pubkey: String,
}

/// An event and its canonical JSON.
pub struct Signed {
    pub id: String,
    pub json: String,
}

impl Author {
    pub fn new(seed: u64, number: usize) -> Self {
        let mut secret: [u8; 32] = Sha256::digest(format!("switchyard bench {seed} {number}")).into();
        let keypair = loop {
            match SecretKey::from_byte_array(secret) {
                Ok(secret) => break Keypair::from_secret_key(SECP256K1, &secret),
                // One hash in 2^128 is no key.
                Err(_) => secret = Sha256::digest(secret).into(),
            }
        };
        let pubkey = hex(&keypair.x_only_public_key().0.serialize());
        Self { keypair, pubkey }
    }

    /// Hex of the public key.
    pub fn pubkey(&self) -> String {
        self.pubkey.clone()
    }

    /// Signs an event (about 25 µs).
    pub fn sign(&self, created_at: u64, kind: u16, tags: &[Vec<String>], content: &str) -> Signed {
        let tags = serde_json::json!(tags).to_string();
        let content = serde_json::json!(content).to_string();
        let pubkey = &self.pubkey;
        let preimage = format!(r#"[0,"{pubkey}",{created_at},{kind},{tags},{content}]"#);
        let hash: [u8; 32] = Sha256::digest(preimage).into();
        let id = hex(&hash);
        let sig = hex(SECP256K1
            .sign_schnorr_no_aux_rand(&hash, &self.keypair)
            .as_byte_array());
        let json = format!(
            r#"{{"id":"{id}","pubkey":"{pubkey}","created_at":{created_at},"kind":{kind},"tags":{tags},"content":{content},"sig":"{sig}"}}"#
        );
        Signed { id, json }
    }
}

pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}
