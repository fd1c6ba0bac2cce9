//! What events are found by, as numbers and hashes.

use protocol::{Address, Event, EventId};
use sha2::{Digest, Sha256};

/// 64 bits of an indexed tag. Two values may share them, so whoever finds by them has to compare.
pub(crate) fn tag_key(letter: u8, value: &str) -> i64 {
    let mut sha = Sha256::new();
    sha.update([letter]);
    sha.update(value);
    head(&sha.finalize())
}

/// The different tag keys of an event.
pub(crate) fn tag_keys(event: &Event) -> Vec<i64> {
    let mut keys: Vec<i64> = event
        .tags
        .indexed()
        .map(|(letter, value)| tag_key(letter, value))
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// 256 bits of an address: an identity, unlike a tag key, since versions are replaced and deleted by it.
pub(crate) fn replace_key(address: &Address) -> [u8; 32] {
    let mut sha = Sha256::new();
    sha.update(address.kind.0.to_be_bytes());
    sha.update(address.pubkey.as_bytes());
    sha.update(&address.identifier);
    sha.finalize().into()
}

/// The first 8 bytes of an id as a number that sorts as they do.
pub(crate) fn id_head(id: &EventId) -> i64 {
    // Postgres has signed numbers only: with the top bit turned they sort as the bytes.
    head(id.as_bytes()) ^ i64::MIN
}

fn head(bytes: &[u8]) -> i64 {
    let mut head = [0; 8];
    head.copy_from_slice(&bytes[..8]);
    i64::from_be_bytes(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_sort_as_ids() {
        let ids = [[0; 32], [0x7f; 32], [0x80; 32], [0xff; 32]].map(EventId::from_bytes);
        assert!(ids.windows(2).all(|pair| id_head(&pair[0]) < id_head(&pair[1])));
    }

    #[test]
    fn letters_are_part_of_the_key() {
        assert_ne!(tag_key(b'e', "x"), tag_key(b'E', "x"));
    }
}
