//! What operators changed: who, when, from what to what.

use crate::{Store, StoreError, connections::Lent};

/// Something that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Grows.
    pub id: i64,
    /// Unix seconds.
    pub at: i64,
    /// The operator's name then.
    pub operator: String,
    /// For example `settings.maintenance`.
    pub act: String,
    /// On what.
    pub target: String,
    /// From what.
    pub old: String,
    /// To what.
    pub new: String,
}

/// Something to note.
#[derive(Debug, Clone, Copy, Default)]
pub struct NewAuditEntry<'a> {
    /// Who.
    pub operator: &'a str,
    /// What, for example `settings.maintenance`.
    pub act: &'a str,
    /// On what; may be empty.
    pub target: &'a str,
    /// From what; may be empty.
    pub old: &'a str,
    /// To what; may be empty.
    pub new: &'a str,
}

impl Store {
    /// Notes what an operator did.
    pub async fn note(&self, entry: NewAuditEntry<'_>) -> Result<(), StoreError> {
        let failed = StoreError::during("note what an operator did");
        let mut connection = self.writes.acquire().await.map_err(failed)?;
        note(&mut connection, entry).await.map_err(failed)
    }

    /// The newest entries whose act starts with `area` (empty: all), older than `before`.
    pub async fn audit_log(
        &self,
        area: &str,
        before: Option<i64>,
        at_most: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        sqlx::query_as!(
            AuditEntry,
            r#"SELECT id, extract(epoch FROM at)::bigint AS "at!", operator, act, target, old, new
            FROM audit_log WHERE starts_with(act, $1) AND id < $2 ORDER BY id DESC LIMIT $3"#,
            area,
            before.unwrap_or(i64::MAX),
            i64::from(at_most)
        )
        .fetch_all(&self.writes)
        .await
        .map_err(StoreError::during("read the audit log"))
    }
}

/// Notes it in the transaction of the act, where there is one.
pub(crate) async fn note(connection: &mut Lent, entry: NewAuditEntry<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO audit_log (operator, act, target, old, new) VALUES ($1, $2, $3, $4, $5)",
        entry.operator,
        entry.act,
        entry.target,
        entry.old,
        entry.new
    )
    .execute(connection)
    .await
    .map(drop)
}
