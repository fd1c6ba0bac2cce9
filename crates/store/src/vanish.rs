//! Requests to vanish ([NIP-62](https://nips.nostr.com/62)). `ingest` notes them, and from that commit on nothing of what
//! vanished is stored again; what is stored is removed here, in steps, since an author may have written a million events.

use std::collections::HashMap;

use protocol::PublicKey;

use crate::{Store, StoreError};

impl Store {
    /// Removes some of what has to vanish, at most so many events: how many it were, `None` when nothing is left.
    pub async fn remove_vanished(&self, at_most: u32) -> Result<Option<u64>, StoreError> {
        // Uses `vanished_unfinished`, `events_by_author`, `searchable_tags_by_tag` and `event_delegators_by_author`.
        let removed = sqlx::query_scalar!("SELECT remove_vanished($1)", i64::from(at_most))
            .fetch_one(&self.writes)
            .await
            .map_err(|source| StoreError::Query {
                operation: "remove what vanished",
                source,
            })?;
        Ok(removed.map(i64::unsigned_abs))
    }

    /// Grows with every request to vanish; 0 while there is none.
    pub async fn vanish_mark(&self) -> Result<i64, StoreError> {
        sqlx::query_scalar!(r#"SELECT coalesce(max(n), 0) AS "mark!" FROM vanished"#)
            .fetch_one(&self.writes)
            .await
            .map_err(StoreError::during("look for requests to vanish"))
    }

    /// Those of some keys that vanished, with the unix seconds up to which they did.
    pub async fn vanished_until(&self, keys: &[PublicKey]) -> Result<HashMap<PublicKey, u64>, StoreError> {
        let keys: Vec<_> = keys.iter().map(|key| key.as_bytes().to_vec()).collect();
        // Uses `authors_pubkey_key`, whose CHECK makes every pubkey 32 bytes, and `vanished_pkey`.
        let rows = sqlx::query!(
            r#"SELECT a.pubkey AS "pubkey: [u8; 32]", v.until
            FROM authors a JOIN vanished v ON v.author = a.id WHERE a.pubkey = ANY ($1)"#,
            &keys
        );
        let rows = rows.fetch_all(&self.writes).await;
        let rows = rows.map_err(StoreError::during("ask who vanished"))?;
        let until = rows
            .into_iter()
            .map(|row| (PublicKey::from_bytes(row.pubkey), row.until.unsigned_abs()));
        Ok(until.collect())
    }
}
