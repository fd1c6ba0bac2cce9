//! What was accepted after a moment, in the order of commits.

use bytes::Bytes;

use crate::{Store, StoreError};

/// A stored event with its place in the order of commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Its sequence number.
    pub seq: i64,
    /// Its canonical JSON.
    pub json: Bytes,
}

impl Store {
    /// Events with a higher sequence number than `seq`; when there are more than `at_most`, or more bytes, the newest.
    pub async fn accepted_after(
        &self,
        seq: i64,
        at_most: u32,
        bytes: u32,
    ) -> Result<Vec<Accepted>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT seq AS "seq!", raw AS "raw!" FROM
            (SELECT seq, raw, sum(octet_length(raw)) OVER (ORDER BY seq DESC) AS bytes FROM
            (SELECT seq, raw FROM events WHERE seq > $1 ORDER BY seq DESC LIMIT $2) newest) summed
            WHERE bytes <= $3 ORDER BY seq"#,
            seq,
            i64::from(at_most),
            i64::from(bytes),
        )
        .fetch_all(&self.reads)
        .await
        .map_err(|source| StoreError::Query {
            operation: "read new events",
            source,
        })?;
        let accepted = rows.into_iter().map(|row| Accepted {
            seq: row.seq,
            json: row.raw.into(),
        });
        Ok(accepted.collect())
    }
}
