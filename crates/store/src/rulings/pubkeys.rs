//! Keys that may not write, or the only ones that may.

use protocol::PublicKey;

use super::{Part, Ruled, Ruling, Verdict};
use crate::{Store, StoreError};

impl Store {
    /// Bans or allows a key; what was decided about it before is over. `without_events`: what a banned key has written goes too.
    pub async fn rule_pubkey(
        &self,
        operator: &str,
        pubkey: PublicKey,
        verdict: Verdict,
        reason: &str,
        without_events: bool,
    ) -> Result<(), StoreError> {
        let failed = StoreError::during("rule about a key");
        let mut transaction = self.begin(failed).await?;
        let is_allowed = verdict == Verdict::Allowed;
        sqlx::query!(
            "INSERT INTO pubkey_rulings (pubkey, is_allowed, without_events, reason, operator) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (pubkey) DO UPDATE SET is_allowed = $2, without_events = $3, reason = $4, operator = $5, at = now()",
            pubkey.as_bytes(),
            is_allowed,
            without_events && !is_allowed,
            reason,
            operator
        )
        .execute(&mut transaction)
        .await
        .map_err(failed)?;
        let ruling = Ruling {
            operator,
            verdict,
            about: "pubkey",
            target: pubkey.to_string(),
        };
        ruling.note(&mut transaction, reason).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)
    }

    /// Takes such a decision back; whether there was one.
    pub async fn lift_pubkey(
        &self,
        operator: &str,
        pubkey: PublicKey,
        verdict: Verdict,
    ) -> Result<bool, StoreError> {
        let failed = StoreError::during("take back a ruling about a key");
        let mut transaction = self.begin(failed).await?;
        let is_allowed = verdict == Verdict::Allowed;
        let reason = sqlx::query_scalar!(
            "DELETE FROM pubkey_rulings WHERE pubkey = $1 AND is_allowed = $2 RETURNING reason",
            pubkey.as_bytes(),
            is_allowed
        )
        .fetch_optional(&mut transaction)
        .await
        .map_err(failed)?;
        let ruling = Ruling {
            operator,
            verdict,
            about: "pubkey",
            target: pubkey.to_string(),
        };
        ruling.note_end(transaction, reason).await.map_err(failed)
    }

    /// The banned or the allowed keys, the latest first; and how many there are.
    pub async fn pubkey_rulings(
        &self,
        verdict: Verdict,
        part: Part,
    ) -> Result<(Vec<Ruled<PublicKey>>, i64), StoreError> {
        let failed = StoreError::during("list rulings about keys");
        let is_allowed = verdict == Verdict::Allowed;
        let rows = sqlx::query!(
            r#"SELECT pubkey AS "pubkey: [u8; 32]", reason, operator, extract(epoch FROM at)::bigint AS "at!"
            FROM pubkey_rulings WHERE is_allowed = $1 ORDER BY pubkey_rulings.at DESC, pubkey OFFSET $2 LIMIT $3"#,
            is_allowed,
            part.offset,
            part.limit
        )
        .fetch_all(&self.writes)
        .await
        .map_err(failed)?;
        let total = sqlx::query_scalar!(
            r#"SELECT count(*) AS "count!" FROM pubkey_rulings WHERE is_allowed = $1"#,
            is_allowed
        )
        .fetch_one(&self.writes)
        .await
        .map_err(failed)?;
        let rulings = rows.into_iter().map(|row| Ruled {
            what: PublicKey::from_bytes(row.pubkey),
            reason: row.reason,
            operator: row.operator,
            at: row.at,
        });
        Ok((rulings.collect(), total))
    }
}
