//! The canonical form of an event: its hash is the id that any JSON library comes to.

use protocol::{Event, EventId, VerifiedEvent};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub fn check(data: &[u8]) {
    let (Ok(mut event), Ok(value)) = (
        serde_json::from_slice::<Event>(data),
        serde_json::from_slice::<Value>(data),
    ) else {
        return;
    };
    // With a key that comes twice the two readers see different things; ours refuses such an event.
    let preimage = json!([
        0,
        event.pubkey,
        event.created_at,
        event.kind,
        value["tags"],
        value["content"]
    ]);
    event.id = EventId::from_bytes(Sha256::digest(preimage.to_string()).into());
    match VerifiedEvent::verify(event) {
        Err(protocol::InvalidEvent::Id) => panic!("another id than that of {preimage}"),
        Err(_) => {}
        Ok(event) => {
            let again = VerifiedEvent::from_canonical(event.json().to_owned()).expect("we wrote it");
            assert_eq!(again.event(), event.event());
        }
    }
}
