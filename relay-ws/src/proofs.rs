//! The keys that a client has proven, and how far each is trusted.

use std::sync::Arc;

use parking_lot::RwLock;
use protocol::{AuthLevel, EventId, PublicKey};
use queue::jobs::Client;
use tokio::sync::Notify;

/// A key that has been proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// The key.
    pub pubkey: PublicKey,
    /// The kind 22242 event.
    pub event: EventId,
    /// As it is in the database.
    pub level: AuthLevel,
}

/// All proofs of a connection.
#[derive(Debug, Default)]
pub struct Proofs {
    /// With the answer to who the client is, which every message asks for.
    all: RwLock<(Vec<Proof>, Arc<Client>)>,
    added: Notify,
}

/// What a proof has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proven {
    /// Whether the key is new here.
    pub is_new: bool,
    /// The level of the connection before: the highest of all its keys.
    pub before: AuthLevel,
    /// The same from now on.
    pub after: AuthLevel,
}

impl Proofs {
    /// Who the client has proven to be.
    pub fn client(&self) -> Arc<Client> {
        Arc::clone(&self.all.read().1)
    }

    /// Every proven key.
    pub fn all(&self) -> Vec<Proof> {
        self.all.read().0.clone()
    }

    /// The proof of a key.
    pub fn of(&self, pubkey: &PublicKey) -> Option<Proof> {
        let all = self.all.read();
        all.0.iter().find(|proof| proof.pubkey == *pubkey).copied()
    }

    /// Waits until a key has been proven.
    pub async fn wait_for(&self, pubkey: &PublicKey) {
        loop {
            let mut added = std::pin::pin!(self.added.notified());
            added.as_mut().enable();
            if self.of(pubkey).is_some() {
                return;
            }
            added.await;
        }
    }

    /// How many keys have been proven, besides this one.
    pub fn others(&self, pubkey: &PublicKey) -> usize {
        let all = self.all.read();
        all.0.iter().filter(|proof| proof.pubkey != *pubkey).count()
    }

    /// A key has been proven, or its level has been looked up again.
    pub fn add(&self, proof: Proof) -> Proven {
        let mut all = self.all.write();
        let (proofs, client) = &mut *all;
        let before = client.level;
        let known = proofs.iter_mut().find(|known| known.pubkey == proof.pubkey);
        let is_new = known.is_none();
        match known {
            Some(known) => known.level = proof.level,
            None => proofs.push(proof),
        }
        let after = proofs.iter().map(|proof| proof.level).max().unwrap_or_default();
        *client = Arc::new(Client {
            pubkeys: proofs.iter().map(|proof| proof.pubkey).collect(),
            level: after,
        });
        self.added.notify_waiters();
        Proven {
            is_new,
            before,
            after,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(key: u8, level: AuthLevel) -> Proof {
        Proof {
            pubkey: PublicKey::from_bytes([key; 32]),
            event: EventId::from_bytes([key; 32]),
            level,
        }
    }

    #[test]
    fn the_highest_level_of_all_keys_counts_and_may_sink_again() {
        let proofs = Proofs::default();
        assert_eq!(proofs.client().level, AuthLevel::Anonymous);
        for (key, level, is_new, after) in [
            (1, AuthLevel::Key, true, AuthLevel::Key),
            (2, AuthLevel::Trusted, true, AuthLevel::Trusted),
            (1, AuthLevel::Registered, false, AuthLevel::Trusted),
            (2, AuthLevel::Key, false, AuthLevel::Registered),
            (1, AuthLevel::Key, false, AuthLevel::Key),
        ] {
            let before = proofs.client().level;
            let proven = Proven {
                is_new,
                before,
                after,
            };
            assert_eq!(proofs.add(proof(key, level)), proven, "{key} {level:?}");
            assert_eq!(proofs.client().level, after);
        }
        assert_eq!(proofs.client().pubkeys.len(), 2);
        assert_eq!(proofs.others(&PublicKey::from_bytes([1; 32])), 1);
        assert_eq!(proofs.others(&PublicKey::from_bytes([3; 32])), 2);
    }
}
