//! The numbers that stand for public keys in the tables.

use std::{collections::HashMap, sync::Mutex};

use protocol::PublicKey;

use crate::{Store, StoreError};

/// Numbers that a process remembers, about 10 MB of them. They never change and are never taken back, so that forgetting
/// costs a look-up and nothing else.
const REMEMBERED: usize = 200_000;

/// Uses `authors_pubkey_key`.
const AUTHOR_IDS: &str = "SELECT pubkey, id FROM authors WHERE pubkey = ANY ($1)";

/// What is known already.
#[derive(Debug, Default)]
pub(crate) struct AuthorIds {
    known: Mutex<HashMap<PublicKey, i32>>,
}

impl AuthorIds {
    /// Numbers of known keys, and the keys that are not.
    fn split<'k>(&self, pubkeys: &'k [PublicKey]) -> (Vec<i32>, Vec<&'k [u8]>) {
        let known = self
            .known
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let (mut ids, mut unknown) = (Vec::with_capacity(pubkeys.len()), Vec::new());
        for pubkey in pubkeys {
            match known.get(pubkey) {
                Some(id) => ids.push(*id),
                None => unknown.push(pubkey.as_bytes().as_slice()),
            }
        }
        (ids, unknown)
    }

    fn learn(&self, rows: &[([u8; 32], i32)]) {
        let mut known = self
            .known
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if known.len() + rows.len() > REMEMBERED {
            known.clear();
        }
        known.extend(
            rows.iter()
                .map(|(pubkey, id)| (PublicKey::from_bytes(*pubkey), *id)),
        );
    }
}

impl Store {
    /// The numbers of these authors. Who has none has no events.
    pub(crate) async fn author_ids(&self, pubkeys: &[PublicKey]) -> Result<Vec<i32>, StoreError> {
        let (mut ids, unknown) = self.authors.split(pubkeys);
        if !unknown.is_empty() {
            let rows: Result<Vec<([u8; 32], i32)>, sqlx::Error> = sqlx::query_as(AUTHOR_IDS)
                .bind(unknown)
                .fetch_all(&self.reads)
                .await;
            let rows = rows.map_err(|source| StoreError::Query {
                operation: "look up authors",
                source,
            })?;
            ids.extend(rows.iter().map(|(_, id)| id));
            self.authors.learn(&rows);
        }
        Ok(ids)
    }
}
