//! Lower-case hexadecimal of fixed length, as NIP-01 writes keys, ids and signatures.

use std::fmt;

/// Text that is not lower-case hexadecimal of the expected length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHex {
    /// Another number of characters.
    #[error("expected {expected} hex characters, got {found}")]
    Length {
        /// Characters that the value has on the wire.
        expected: usize,
        /// Characters that came.
        found: usize,
    },
    /// Something else than `0-9a-f`. Upper case is invalid in Nostr, not folded.
    #[error("only lower-case hex characters are allowed")]
    Character,
}

/// Decodes exactly `N` bytes.
pub(crate) fn decode<const N: usize>(text: &str) -> Result<[u8; N], InvalidHex> {
    let text = text.as_bytes();
    if text.len() != 2 * N {
        return Err(InvalidHex::Length {
            expected: 2 * N,
            found: text.len(),
        });
    }
    let mut bytes = [0; N];
    // Bad digits give values above 15: gather them and look once, so that the loop has no branch.
    let mut seen = 0;
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let (high, low) = (VALUE[usize::from(pair[0])], VALUE[usize::from(pair[1])]);
        seen |= high | low;
        *byte = high << 4 | (low & 0x0f);
    }
    if seen > 0x0f {
        Err(InvalidHex::Character)
    } else {
        Ok(bytes)
    }
}

/// Appends the lower-case hexadecimal of `bytes`.
pub(crate) fn push(out: &mut String, bytes: &[u8]) {
    // Put together first: a String would look for room at each digit.
    for part in bytes.chunks(32) {
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(part) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 0x0f)]]);
        }
        out.push_str(std::str::from_utf8(&text[..2 * part.len()]).expect("digits are ASCII"));
    }
}

pub(crate) fn display(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = String::with_capacity(2 * bytes.len());
    push(&mut text, bytes);
    f.write_str(&text)
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The value of each ASCII digit; 0xff where there is none.
const VALUE: [u8; 256] = {
    let mut table = [0xff; 256];
    let mut value = 0;
    while value < 16 {
        table[DIGITS[value] as usize] = value as u8;
        value += 1;
    }
    table
};

/// A newtype over bytes that is lower-case hex in text and JSON.
macro_rules! hex_type {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// From the raw bytes.
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The raw bytes.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// Appends the hex text.
            pub(crate) fn push_hex(&self, out: &mut String) {
                $crate::hex::push(out, &self.0);
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::hex::InvalidHex;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $crate::hex::decode(text).map(Self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::hex::display(&self.0, f)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $crate::hex::display(&self.0, f)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut text = String::with_capacity(2 * $len);
                self.push_hex(&mut text);
                serializer.serialize_str(&text)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Hex;
                impl serde::de::Visitor<'_> for Hex {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(f, "{} lower-case hex characters", 2 * $len)
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_str(Hex)
            }
        }
    };
}
pub(crate) use hex_type;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upper_case_is_refused_and_lower_case_returns() {
        assert_eq!(decode::<2>("0aFf"), Err(InvalidHex::Character));
        assert_eq!(decode::<2>("0aff"), Ok([0x0a, 0xff]));
        assert_eq!(decode::<2>("0g00"), Err(InvalidHex::Character));
        assert_eq!(
            decode::<2>("0aff0"),
            Err(InvalidHex::Length {
                expected: 4,
                found: 5
            })
        );
        assert_eq!(decode::<2>("é00"), Err(InvalidHex::Character));
    }
}
