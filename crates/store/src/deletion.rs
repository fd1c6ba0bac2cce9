//! What is known of an event that its author deleted (NIP-09).

use protocol::EventId;

use crate::{Store, StoreError};

impl Store {
    /// The kind 5 event by which an author deleted the event of this id. Somebody else's request may be there too: as long as
    /// the event is, it had no effect.
    pub async fn deletion_of(&self, id: EventId) -> Result<Option<EventId>, StoreError> {
        let deletion = sqlx::query_scalar!(
            "SELECT deletion FROM delete_events WHERE target = $1 ORDER BY author LIMIT 1",
            id.as_bytes(),
        )
        .fetch_optional(&self.reads)
        .await
        .map_err(|source| StoreError::Query {
            operation: "look for a deletion",
            source,
        })?;
        let id = deletion.and_then(|id| id.try_into().ok());
        Ok(id.map(EventId::from_bytes))
    }
}
