//! Which events are there already: a look that is far cheaper than a signature check.

use std::collections::HashSet;

use protocol::EventId;

use crate::{Store, StoreError};

impl Store {
    /// Those of these events that are stored now.
    pub async fn known(&self, ids: &[EventId]) -> Result<HashSet<EventId>, StoreError> {
        let ids: Vec<Vec<u8>> = ids.iter().map(|id| id.as_bytes().to_vec()).collect();
        // Uses `events_id`.
        let rows = sqlx::query_scalar!(
            r#"SELECT id AS "id: [u8; 32]" FROM events WHERE id = ANY ($1)"#,
            &ids
        )
        .fetch_all(&self.reads)
        .await
        .map_err(|source| StoreError::Query {
            operation: "look for known events",
            source,
        })?;
        Ok(rows.into_iter().map(EventId::from_bytes).collect())
    }
}
