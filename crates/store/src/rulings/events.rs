//! Events that may not come back, and reported ones that may stay.

use protocol::EventId;

use super::{Part, Ruled, Ruling, Verdict};
use crate::{Store, StoreError};

impl Store {
    /// Bans an event, stored or not, and removes it; or lets a reported one stay.
    pub async fn rule_event(
        &self,
        operator: &str,
        id: EventId,
        verdict: Verdict,
        reason: &str,
    ) -> Result<(), StoreError> {
        let failed = StoreError::during("rule about an event");
        let mut transaction = self.begin(failed).await?;
        let is_allowed = verdict == Verdict::Allowed;
        sqlx::query!(
            "INSERT INTO event_rulings (id, is_allowed, reason, operator) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (id) DO UPDATE SET is_allowed = $2, reason = $3, operator = $4, at = now()",
            id.as_bytes(),
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
            about: "event",
            target: id.to_string(),
        };
        ruling.note(&mut transaction, reason).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        if !is_allowed {
            self.remove_banned(1000).await?;
        }
        Ok(())
    }

    /// Takes a ban, or the permission to stay, back; whether there was one. A removed event does not return by itself.
    pub async fn lift_event(
        &self,
        operator: &str,
        id: EventId,
        verdict: Verdict,
    ) -> Result<bool, StoreError> {
        let failed = StoreError::during("take back a ruling about an event");
        let mut transaction = self.begin(failed).await?;
        let is_allowed = verdict == Verdict::Allowed;
        let reason = sqlx::query_scalar!(
            "DELETE FROM event_rulings WHERE id = $1 AND is_allowed = $2 RETURNING reason",
            id.as_bytes(),
            is_allowed
        )
        .fetch_optional(&mut transaction)
        .await
        .map_err(failed)?;
        let ruling = Ruling {
            operator,
            verdict,
            about: "event",
            target: id.to_string(),
        };
        ruling.note_end(transaction, reason).await.map_err(failed)
    }

    /// The banned events, or those that may stay, the latest first; and how many there are.
    pub async fn event_rulings(
        &self,
        verdict: Verdict,
        part: Part,
    ) -> Result<(Vec<Ruled<EventId>>, i64), StoreError> {
        let failed = StoreError::during("list rulings about events");
        let is_allowed = verdict == Verdict::Allowed;
        let rows = sqlx::query!(
            r#"SELECT id AS "id: [u8; 32]", reason, operator, extract(epoch FROM at)::bigint AS "at!"
            FROM event_rulings WHERE is_allowed = $1 ORDER BY event_rulings.at DESC, id OFFSET $2 LIMIT $3"#,
            is_allowed,
            part.offset,
            part.limit
        )
        .fetch_all(&self.writes)
        .await
        .map_err(failed)?;
        let total = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM event_rulings WHERE is_allowed = $1"#,
            is_allowed
        )
        .fetch_one(&self.writes)
        .await
        .map_err(failed)?;
        let rulings = rows.into_iter().map(|row| Ruled {
            what: EventId::from_bytes(row.id),
            reason: row.reason,
            operator: row.operator,
            at: row.at,
        });
        Ok((rulings.collect(), total))
    }

    /// Removes what was banned lately and is still here, at most so much; answers how much it was.
    pub async fn remove_banned(&self, at_most: u32) -> Result<u64, StoreError> {
        let removed = sqlx::query_scalar!(r#"SELECT remove_banned($1) AS "removed!""#, i64::from(at_most))
            .fetch_one(&self.writes)
            .await
            .map_err(StoreError::during("remove banned events"))?;
        Ok(removed.unsigned_abs())
    }
}
