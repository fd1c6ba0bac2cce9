//! Requests to vanish ([NIP-62](https://nips.nostr.com/62)). `ingest` notes them, and from that commit on nothing of what
//! vanished is stored again; what is stored is removed here, in steps, since an author may have written a million events.

use crate::{Store, StoreError};

impl Store {
    /// Removes some of what has to vanish, at most so many events: how many it were, `None` when nothing is left.
    pub async fn remove_vanished(&self, at_most: u32) -> Result<Option<u64>, StoreError> {
        // Uses `vanished_unfinished`, `events_by_author` and `searchable_tags_by_tag`.
        let removed = sqlx::query_scalar!("SELECT remove_vanished($1)", i64::from(at_most))
            .fetch_one(&self.writes)
            .await
            .map_err(|source| StoreError::Query {
                operation: "remove what vanished",
                source,
            })?;
        Ok(removed.map(i64::unsigned_abs))
    }
}
