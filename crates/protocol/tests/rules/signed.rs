//! Events signed the slow and obvious way: the preimage is what `serde_json` prints.

use protocol::{Event, EventId, Kind, PublicKey, Signature, Tags};
use secp256k1::{Keypair, SECP256K1, SecretKey};
use sha2::{Digest, Sha256};

/// Somebody's key: a small number is enough.
pub fn keypair(number: u8) -> Keypair {
    let mut secret = [0; 32];
    secret[31] = number.max(1);
    let secret = SecretKey::from_byte_array(secret).expect("a small number is a key");
    Keypair::from_secret_key(SECP256K1, &secret)
}

/// The id by `serde_json`'s escapes, written down without our own code.
pub fn id_of(pubkey: PublicKey, created_at: u64, kind: u16, tags: &[Vec<String>], content: &str) -> EventId {
    let preimage = serde_json::json!([0, pubkey, created_at, kind, tags, content]).to_string();
    EventId::from_bytes(Sha256::digest(preimage).into())
}

/// Signs an id.
pub fn signature(keypair: &Keypair, id: EventId) -> Signature {
    Signature::from_bytes(
        SECP256K1
            .sign_schnorr_no_aux_rand(id.as_bytes(), keypair)
            .to_byte_array(),
    )
}

/// A signed event.
pub fn event(author: u8, created_at: u64, kind: u16, tags: Vec<Vec<String>>, content: &str) -> Event {
    let keypair = keypair(author);
    let pubkey = PublicKey::from_bytes(keypair.x_only_public_key().0.serialize());
    let id = id_of(pubkey, created_at, kind, &tags, content);
    Event {
        id,
        pubkey,
        created_at,
        kind: Kind(kind),
        tags: Tags::from_iter(tags),
        content: content.to_owned(),
        sig: signature(&keypair, id),
    }
}
