//! Ids of connections: who they belong to, and that nobody can guess them.

use std::{fmt, str::FromStr};

use rand::RngCore;
use serde::{Deserialize, Serialize};

/// One run of one relay-ws process: 8 hex characters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProcessId([u8; ProcessId::LEN]);

/// A connection: its process, then 96 random bits, 32 hex characters in all. It is the NIP-42 challenge too.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ConnectionId([u8; ConnectionId::LEN]);

/// A text that is no connection id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a connection id is {} lower-case hex characters", ConnectionId::LEN)]
pub struct InvalidConnectionId;

impl ProcessId {
    const LEN: usize = 8;

    /// A new one, by chance: 32 bits tell the few processes of a relay apart.
    pub fn random() -> Self {
        Self(random_hex())
    }

    /// The 8 characters.
    pub fn as_str(&self) -> &str {
        text(&self.0)
    }
}

impl ConnectionId {
    const LEN: usize = 32;

    /// A new connection of a process.
    pub fn random(process: ProcessId) -> Self {
        let mut id = random_hex::<{ Self::LEN }>();
        id[..ProcessId::LEN].copy_from_slice(&process.0);
        Self(id)
    }

    /// The process that holds the socket.
    pub fn process(&self) -> ProcessId {
        let mut process = [0; ProcessId::LEN];
        process.copy_from_slice(&self.0[..ProcessId::LEN]);
        ProcessId(process)
    }

    /// The 32 characters.
    pub fn as_str(&self) -> &str {
        text(&self.0)
    }
}

fn random_hex<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill_bytes(&mut bytes);
    bytes.map(|byte| b"0123456789abcdef"[usize::from(byte & 0x0f)])
}

fn text(hex: &[u8]) -> &str {
    // Only made of hex digits, here and in `parse`.
    std::str::from_utf8(hex).unwrap_or_default()
}

fn parse<const N: usize>(text: &str) -> Result<[u8; N], InvalidConnectionId> {
    let bytes: [u8; N] = text.as_bytes().try_into().map_err(|_| InvalidConnectionId)?;
    if bytes.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        Ok(bytes)
    } else {
        Err(InvalidConnectionId)
    }
}

impl FromStr for ConnectionId {
    type Err = InvalidConnectionId;

    fn from_str(text: &str) -> Result<Self, InvalidConnectionId> {
        parse(text).map(Self)
    }
}

impl FromStr for ProcessId {
    type Err = InvalidConnectionId;

    fn from_str(text: &str) -> Result<Self, InvalidConnectionId> {
        parse(text).map(Self)
    }
}

macro_rules! as_text {
    ($($name:ident),*) => { $(
        impl TryFrom<String> for $name {
            type Error = InvalidConnectionId;

            fn try_from(text: String) -> Result<Self, InvalidConnectionId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.as_str().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )* };
}

as_text!(ProcessId, ConnectionId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_knows_its_process() {
        let process = ProcessId::random();
        let id = ConnectionId::random(process);
        assert_eq!(id.process(), process);
        assert_eq!(id.as_str().len(), 32);
        assert_eq!(id.as_str().parse(), Ok(id));
        assert_ne!(id, ConnectionId::random(process));
        assert!("A".repeat(32).parse::<ConnectionId>().is_err());
    }
}
