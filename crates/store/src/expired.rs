//! Events whose time has passed (NIP-40).

use crate::{Store, StoreError, batch::signed};

impl Store {
    /// Removes events that expired by `now` (unix seconds), at most so many; answers how many it were.
    pub async fn remove_expired(&self, now: u64, at_most: u32) -> Result<u64, StoreError> {
        // Uses `events_expiring`, and takes its turn with the batches: two who delete the same would wait for each other.
        let removed = sqlx::query_scalar!(
            r#"SELECT remove_expired($1, $2) AS "removed!""#,
            signed(now),
            i64::from(at_most)
        )
        .fetch_one(&self.writes)
        .await
        .map_err(|source| StoreError::Query {
            operation: "remove expired events",
            source,
        })?;
        Ok(removed.unsigned_abs())
    }
}
