//! The numbers that stand for public keys in the tables.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
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
    /// The number of each key that is known, and the keys that are not.
    fn split(&self, pubkeys: &[PublicKey]) -> (Vec<Option<i32>>, Vec<Vec<u8>>) {
        let known = self.known();
        let ids: Vec<_> = pubkeys.iter().map(|pubkey| known.get(pubkey).copied()).collect();
        let unknown = pubkeys.iter().zip(&ids).filter(|(_, id)| id.is_none());
        let unknown = unknown.map(|(pubkey, _)| pubkey.as_bytes().to_vec()).collect();
        (ids, unknown)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<PublicKey, i32>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn(&self, rows: impl ExactSizeIterator<Item = (PublicKey, i32)>) {
        let mut known = self.known();
        if known.len() + rows.len() > REMEMBERED {
            known.clear();
        }
        known.extend(rows);
    }
}

impl Store {
    /// The numbers of these authors. Who has none has no events.
    pub(crate) async fn author_ids(&self, pubkeys: &[PublicKey]) -> Result<Vec<i32>, StoreError> {
        let (known, unknown) = self.authors.split(pubkeys);
        let mut ids: Vec<i32> = known.into_iter().flatten().collect();
        if !unknown.is_empty() {
            ids.extend(self.look_up(&unknown).await?.iter().map(|(_, id)| id));
        }
        Ok(ids)
    }

    /// The number of each of these authors, in their order; who has none gets one.
    pub(crate) async fn author_ids_or_new(&self, pubkeys: &[PublicKey]) -> Result<Vec<i32>, StoreError> {
        let (known, unknown) = self.authors.split(pubkeys);
        let mut new = HashMap::new();
        if !unknown.is_empty() {
            self.number(&unknown).await?;
            new.extend(self.look_up(&unknown).await?);
        }
        let numbers = known.into_iter().zip(pubkeys);
        let numbers = numbers.map(|(known, pubkey)| known.or_else(|| new.get(pubkey).copied()));
        numbers.collect::<Option<_>>().ok_or(StoreError::Query {
            operation: "number authors",
            source: sqlx::Error::RowNotFound,
        })
    }

    /// Without a conflict wherever possible: a number that is given up is lost, and they are int4.
    async fn number(&self, pubkeys: &[Vec<u8>]) -> Result<(), StoreError> {
        let numbered = sqlx::query!(
            "INSERT INTO authors (pubkey) SELECT DISTINCT k FROM unnest($1::bytea[]) k \
             WHERE NOT EXISTS (SELECT FROM authors a WHERE a.pubkey = k) ORDER BY k ON CONFLICT (pubkey) DO NOTHING",
            pubkeys
        );
        let numbered = numbered.execute(&self.writes).await;
        numbered.map(drop).map_err(StoreError::during("number authors"))
    }

    async fn look_up(&self, pubkeys: &[Vec<u8>]) -> Result<Vec<(PublicKey, i32)>, StoreError> {
        // Uses `authors_pubkey_key`, whose CHECK makes every pubkey 32 bytes.
        let rows = sqlx::query!(
            r#"SELECT pubkey AS "pubkey: [u8; 32]", id FROM authors WHERE pubkey = ANY ($1)"#,
            pubkeys
        );
        let rows = rows.fetch_all(&self.reads).await;
        let rows = rows.map_err(StoreError::during("look up authors"))?;
        let found: Vec<_> = rows
            .iter()
            .map(|row| (PublicKey::from_bytes(row.pubkey), row.id))
            .collect();
        self.authors.learn(found.iter().copied());
        Ok(found)
    }
}
