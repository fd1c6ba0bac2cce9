//! Events that somebody reported (NIP-56) and no operator has looked at.

use protocol::EventId;

use crate::{Store, StoreError};

/// A report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// The reported event.
    pub id: EventId,
    /// The kind 1984 event as it lies in the store.
    pub report: Vec<u8>,
}

impl Store {
    /// The newest reports of stored events that are neither banned nor allowed, one for each event.
    pub async fn events_needing_moderation(&self, at_most: u32) -> Result<Vec<Reported>, StoreError> {
        // Reports by `events_by_kind`, the reported events by `events_id`. Which event a report is about is read from its JSON.
        let rows = sqlx::query!(
            r#"WITH reports AS (
                SELECT raw, created_at FROM events WHERE kind = 1984 ORDER BY created_at DESC, id_head LIMIT 2000
            ), targets AS (
                SELECT decode(m[1], 'hex') AS id, r.raw, r.created_at
                FROM reports r, regexp_matches(convert_from(r.raw, 'UTF8'), '\["e","([0-9a-f]{64})"', 'g') m
            ), newest AS (
                SELECT DISTINCT ON (id) id, raw, created_at FROM targets ORDER BY id, created_at DESC
            )
            SELECT n.id AS "id!: [u8; 32]", n.raw AS "raw!" FROM newest n
            WHERE NOT EXISTS (SELECT FROM event_rulings r WHERE r.id = n.id)
              AND EXISTS (SELECT FROM events e WHERE e.id = n.id)
            ORDER BY n.created_at DESC LIMIT $1"#,
            i64::from(at_most)
        )
        .fetch_all(&self.writes)
        .await
        .map_err(StoreError::during("list reported events"))?;
        let reported = rows.into_iter().map(|row| Reported {
            id: EventId::from_bytes(row.id),
            report: row.raw,
        });
        Ok(reported.collect())
    }
}
