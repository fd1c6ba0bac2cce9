//! Events whose time has passed (NIP-40).

use crate::{Store, StoreError, batch::signed};

/// Uses `events_expiring`.
const REMOVE_EXPIRED: &str = "SELECT remove_events(ARRAY(
    SELECT seq FROM events WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2))";

impl Store {
    /// Removes events that expired by `now` (unix seconds), at most so many; answers how many it were.
    pub async fn remove_expired(&self, now: u64, at_most: u32) -> Result<u64, StoreError> {
        let removed: Result<i64, sqlx::Error> = sqlx::query_scalar(REMOVE_EXPIRED)
            .bind(signed(now))
            .bind(i64::from(at_most))
            .fetch_one(&self.writes)
            .await;
        removed
            .map(i64::unsigned_abs)
            .map_err(|source| StoreError::Query {
                operation: "remove expired events",
                source,
            })
    }
}
