//! The numbers that stand for public keys in the tables.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use protocol::PublicKey;

use crate::{Store, StoreError};

/// Numbers that a process remembers, about 10 MB of them. They never change and are never taken back, so that forgetting
/// costs a look-up and nothing else.
const REMEMBERED: usize = 200_000;

/// What is known already.
#[derive(Debug, Default)]
pub(crate) struct AuthorIds {
    known: Mutex<HashMap<PublicKey, i32>>,
}

impl AuthorIds {
    /// Numbers of known keys, and the keys that are not.
    fn split(&self, pubkeys: &[PublicKey]) -> (Vec<i32>, Vec<Vec<u8>>) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut ids, mut unknown) = (Vec::with_capacity(pubkeys.len()), Vec::new());
        for pubkey in pubkeys {
            match known.get(pubkey) {
                Some(id) => ids.push(*id),
                None => unknown.push(pubkey.as_bytes().to_vec()),
            }
        }
        (ids, unknown)
    }

    fn learn(&self, rows: impl ExactSizeIterator<Item = (PublicKey, i32)>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() + rows.len() > REMEMBERED {
            known.clear();
        }
        known.extend(rows);
    }
}

impl Store {
    /// The numbers of these authors. Who has none has no events.
    pub(crate) async fn author_ids(&self, pubkeys: &[PublicKey]) -> Result<Vec<i32>, StoreError> {
        let (mut ids, unknown) = self.authors.split(pubkeys);
        if !unknown.is_empty() {
            // Uses `authors_pubkey_key`, whose CHECK makes every pubkey 32 bytes.
            let rows = sqlx::query!(
                r#"SELECT pubkey AS "pubkey: [u8; 32]", id FROM authors WHERE pubkey = ANY ($1)"#,
                &unknown
            )
            .fetch_all(&self.reads)
            .await
            .map_err(|source| StoreError::Query {
                operation: "look up authors",
                source,
            })?;
            ids.extend(rows.iter().map(|row| row.id));
            let learnt = rows.iter().map(|row| (PublicKey::from_bytes(row.pubkey), row.id));
            self.authors.learn(learnt);
        }
        Ok(ids)
    }
}
