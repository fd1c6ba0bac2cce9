//! Which events are stored already.

use std::collections::HashSet;

use protocol::EventId;
use sqlx::Row;

use crate::{Store, StoreError};

impl Store {
    /// Those of these ids that are stored. Uses `events_id`.
    pub async fn known(&self, ids: &[EventId]) -> Result<HashSet<EventId>, StoreError> {
        let ids: Vec<&[u8]> = ids.iter().map(|id| id.as_bytes().as_slice()).collect();
        let rows = sqlx::query("SELECT id FROM events WHERE id = ANY ($1)")
            .bind(ids)
            .fetch_all(&self.reads)
            .await;
        let known = rows.and_then(|rows| {
            let id = |row: &sqlx::postgres::PgRow| row.try_get(0).map(EventId::from_bytes);
            rows.iter().map(id).collect::<Result<HashSet<_>, _>>()
        });
        known.map_err(|source| StoreError::Query {
            operation: "look up event ids",
            source,
        })
    }
}
