//! Messages of the Negentropy protocol as they travel: binary, in hex ([NIP-77](https://nips.nostr.com/77)).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de::Error};

/// A message of a reconciliation: not empty. What its bytes mean is the worker's business.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct NegentropyMessage(String);

/// Text that is no bytes in hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a negentropy message is hex characters, two for each byte")]
pub struct InvalidNegentropyMessage;

impl NegentropyMessage {
    /// From hex; upper case is folded, as other relays do.
    pub fn from_hex(text: String) -> Result<Self, InvalidNegentropyMessage> {
        let is_hex = !text.is_empty()
            && text.len().is_multiple_of(2)
            && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hex {
            Ok(Self(text))
        } else {
            Err(InvalidNegentropyMessage)
        }
    }

    /// From the bytes.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut text = String::with_capacity(2 * bytes.len());
        crate::hex::push(&mut text, bytes);
        Self(text)
    }

    /// The bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or_default() as u8;
        let pairs = self.0.as_bytes().chunks_exact(2);
        pairs.map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
    }

    /// The hex text.
    pub fn as_hex(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for NegentropyMessage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_hex(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// Only its length: it may be half a megabyte.
impl fmt::Debug for NegentropyMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NegentropyMessage({} bytes)", self.0.len() / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_return_and_what_is_no_hex_is_refused() {
        let bytes: Vec<u8> = (0..=255).collect();
        let message = NegentropyMessage::from_bytes(&bytes);
        assert!(message.as_hex().starts_with("000102") && message.as_hex().ends_with("feff"));
        assert_eq!(message.to_bytes(), bytes);
        assert_eq!(
            NegentropyMessage::from_hex("6A".to_owned()).unwrap().to_bytes(),
            [0x6a]
        );
        for bad in ["", "6", "6g", "0x61", "é0"] {
            assert!(NegentropyMessage::from_hex(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
