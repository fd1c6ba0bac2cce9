//! HyperLogLog values of COUNT ([NIP-45](https://nips.nostr.com/45)): how many different authors, in 256 bytes that can be
//! merged with those of other relays.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::{Address, EventId, Filter, PublicKey, hex};

/// Where in public keys a filter's registers are read from: a byte from 8 to 23. It differs from filter to filter, so that
/// nobody makes a key that counts for much everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HllOffset(u8);

/// 256 registers.
#[derive(Clone, PartialEq, Eq)]
pub struct Hll([u8; 256]);

impl HllOffset {
    /// Of a filter's first tag value: of an event id or public key, of the public key in an address, of the hash of anything
    /// else.
    pub fn of_value(value: &str) -> Self {
        let bytes = match (value.parse::<EventId>(), value.parse::<Address>()) {
            (Ok(id), _) => *id.as_bytes(),
            (_, Ok(address)) => *address.pubkey.as_bytes(),
            _ => Sha256::digest(value).into(),
        };
        // Character 32 of the hex text is the upper half of byte 16.
        Self(8 + (bytes[16] >> 4))
    }

    /// The byte of public keys that names the register; what follows it gives the rank.
    pub fn byte(self) -> usize {
        self.0.into()
    }
}

impl Filter {
    /// The offset for HyperLogLog, which only filters with a tag have: by the first value of the first tag, in the order in
    /// which the client wrote them.
    pub fn hll_offset(&self) -> Option<HllOffset> {
        let tag = self.tags.first()?;
        Some(HllOffset::of_value(tag.values.get(tag.first)?))
    }
}

impl Default for Hll {
    fn default() -> Self {
        Self([0; 256])
    }
}

impl Hll {
    /// Counts an author; again makes no difference.
    pub fn add(&mut self, author: &PublicKey, offset: HllOffset) {
        let (register, rest) = (
            author.as_bytes()[offset.byte()],
            &author.as_bytes()[offset.byte() + 1..],
        );
        self.add_rest(register, rest);
    }

    /// Counts an author of whom only the register is known, and the bytes of the key that follow it.
    pub fn add_rest(&mut self, register: u8, rest: &[u8]) {
        let zeros: u32 = match rest.iter().position(|byte| *byte != 0) {
            Some(at) => 8 * at as u32 + rest[at].leading_zeros(),
            None => 8 * rest.len() as u32,
        };
        // At most 8 * 23 + 1.
        let rank = u8::try_from(zeros + 1).unwrap_or(u8::MAX);
        let most = &mut self.0[usize::from(register)];
        *most = rank.max(*most);
    }

    /// The registers.
    pub fn registers(&self) -> &[u8; 256] {
        &self.0
    }
}

/// 512 hex characters.
impl fmt::Display for Hll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::display(&self.0, f)
    }
}

impl fmt::Debug for Hll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hll({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_is_character_32_of_what_the_value_stands_for() {
        let hex = "0123456789abcdef0123456789abcdef".to_owned() + "c0000000000000000000000000000000";
        let offset = |value: &str| HllOffset::of_value(value).byte();
        assert_eq!(offset(&hex), 8 + 12);
        assert_eq!(offset(&format!("30023:{hex}:a:b")), 8 + 12);
        // sha256("nostr") begins with 13bd64f2b3bd1f4ea9b6e8a2…: its character 32 stands here.
        let hash = Sha256::digest("nostr");
        assert_eq!(offset("nostr"), 8 + usize::from(hash[16] >> 4));
        // Upper case is no id.
        let hash = Sha256::digest(hex.to_uppercase());
        assert_eq!(offset(&hex.to_uppercase()), 8 + usize::from(hash[16] >> 4));
    }

    #[test]
    fn the_first_tag_value_is_the_one_that_the_client_wrote_first() {
        let offset = |json: &str| serde_json::from_str::<Filter>(json).unwrap().hll_offset();
        let of = |value| Some(HllOffset::of_value(value));
        // Their offsets differ.
        assert_ne!(of("nostr"), of("satoshi"));
        assert_eq!(offset(r##"{"#t":["nostr","satoshi"]}"##), of("nostr"));
        assert_eq!(offset(r##"{"#t":["satoshi","nostr"]}"##), of("satoshi"));
        assert_eq!(
            offset(r##"{"#x":["nostr"],"kinds":[1],"#a":["satoshi"]}"##),
            of("nostr")
        );
        assert_eq!(offset(r##"{"#a":["satoshi"],"#x":["nostr"]}"##), of("satoshi"));
        for without in [r##"{"kinds":[1]}"##, r##"{"#t":[]}"##] {
            assert_eq!(offset(without), None);
        }
        // On its way to a worker it is written and read again.
        let filter: Filter = serde_json::from_str(r##"{"#x":["nostr","satoshi","a"],"#a":["b"]}"##).unwrap();
        let again: Filter = serde_json::from_str(&serde_json::to_string(&filter).unwrap()).unwrap();
        assert_eq!((again.hll_offset(), &again), (of("nostr"), &filter));
    }

    #[test]
    fn ranks_count_leading_zero_bits_from_one() {
        let mut hll = Hll::default();
        let mut key = [0xff; 32];
        (key[8], key[9]) = (7, 0b0010_0000);
        hll.add(&PublicKey::from_bytes(key), HllOffset(8));
        assert_eq!(hll.registers()[7], 3);
        key[9] = 0b1000_0000;
        hll.add(&PublicKey::from_bytes(key), HllOffset(8));
        assert_eq!(hll.registers()[7], 3, "the larger stays");
        (key[9], key[10]) = (0, 0b0000_0001);
        hll.add(&PublicKey::from_bytes(key), HllOffset(8));
        assert_eq!(hll.registers()[7], 16);
        hll.add(&PublicKey::from_bytes([0; 32]), HllOffset(23));
        assert_eq!(hll.registers()[0], 65, "nothing but zeros");
        assert_eq!(hll.registers().iter().filter(|rank| **rank > 0).count(), 2);
        assert_eq!(hll.to_string().len(), 512);
        assert_eq!(&hll.to_string()[..16], "4100000000000010");
    }
}
