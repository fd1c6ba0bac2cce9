//! The list of what was removed: it lets windows follow, and is kept no longer than they may need it.

use std::time::Duration;

use crate::{Store, StoreError};

/// A window that has not followed for half of this is loaded anew.
pub(super) const KEPT: Duration = Duration::from_secs(600);

impl Store {
    /// Drops what is older than windows look back, the oldest first, at most so many rows; answers how many it were.
    pub async fn forget_removals(&self, at_most: u32) -> Result<u64, StoreError> {
        let dropped = sqlx::query!(
            "DELETE FROM removals WHERE n = ANY (ARRAY(SELECT n FROM removals ORDER BY n LIMIT $1)) \
             AND at < now() - make_interval(secs => $2)",
            i64::from(at_most),
            KEPT.as_secs_f64(),
        )
        .execute(&self.writes)
        .await
        .map_err(|source| StoreError::Query {
            operation: "forget removals",
            source,
        })?;
        Ok(dropped.rows_affected())
    }
}
