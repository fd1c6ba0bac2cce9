//! Kinds that nobody may write, or the only ones that may be written.

use super::{Ruled, Ruling, Verdict};
use crate::{Store, StoreError};

impl Store {
    /// Bans or allows a kind; what was decided about it before is over.
    pub async fn rule_kind(
        &self,
        operator: &str,
        kind: u16,
        verdict: Verdict,
        reason: &str,
    ) -> Result<(), StoreError> {
        let failed = StoreError::during("rule about a kind");
        let mut transaction = self.begin(failed).await?;
        let is_allowed = verdict == Verdict::Allowed;
        sqlx::query!(
            "INSERT INTO kind_rulings (kind, is_allowed, reason, operator) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (kind) DO UPDATE SET is_allowed = $2, reason = $3, operator = $4, at = now()",
            i32::from(kind),
            is_allowed,
            reason,
            operator
        )
        .execute(&mut transaction)
        .await
        .map_err(failed)?;
        let ruling = Ruling {
            operator,
            verdict,
            about: "kind",
            target: kind.to_string(),
        };
        ruling.note(&mut transaction, reason).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)
    }

    /// Takes such a decision back; whether there was one.
    pub async fn lift_kind(&self, operator: &str, kind: u16, verdict: Verdict) -> Result<bool, StoreError> {
        let failed = StoreError::during("take back a ruling about a kind");
        let mut transaction = self.begin(failed).await?;
        let is_allowed = verdict == Verdict::Allowed;
        let reason = sqlx::query_scalar!(
            "DELETE FROM kind_rulings WHERE kind = $1 AND is_allowed = $2 RETURNING reason",
            i32::from(kind),
            is_allowed
        )
        .fetch_optional(&mut transaction)
        .await
        .map_err(failed)?;
        let ruling = Ruling {
            operator,
            verdict,
            about: "kind",
            target: kind.to_string(),
        };
        ruling.note_end(transaction, reason).await.map_err(failed)
    }

    /// The banned or the allowed kinds in their order.
    pub async fn kind_rulings(&self, verdict: Verdict) -> Result<Vec<Ruled<u16>>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT kind, reason, operator, extract(epoch FROM at)::bigint AS "at!"
            FROM kind_rulings WHERE is_allowed = $1 ORDER BY kind"#,
            verdict == Verdict::Allowed
        )
        .fetch_all(&self.writes)
        .await
        .map_err(StoreError::during("list rulings about kinds"))?;
        let rulings = rows.into_iter().map(|row| Ruled {
            // A CHECK keeps them in this range.
            what: u16::try_from(row.kind).unwrap_or_default(),
            reason: row.reason,
            operator: row.operator,
            at: row.at,
        });
        Ok(rulings.collect())
    }
}
