//! Keys with a level: trusted authors (4) and subscribers (3).

use protocol::PublicKey;

use super::{Part, note};
use crate::{NewAuditEntry, Store, StoreError};

/// A key of level 4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedAuthor {
    /// The key.
    pub pubkey: PublicKey,
    /// Why.
    pub note: String,
    /// Unix seconds.
    pub since: i64,
}

/// A key of level 3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscriber {
    /// The key.
    pub pubkey: PublicKey,
    /// Unix seconds.
    pub until: i64,
}

impl Store {
    /// Trusts a key, or changes the note about it.
    pub async fn trust(&self, operator: &str, pubkey: PublicKey, about: &str) -> Result<(), StoreError> {
        let failed = StoreError::during("trust a key");
        let mut transaction = self.begin(failed).await?;
        sqlx::query!(
            "INSERT INTO trusted_authors (pubkey, note) VALUES ($1, $2) ON CONFLICT (pubkey) DO UPDATE SET note = $2",
            pubkey.as_bytes(),
            about
        )
        .execute(&mut transaction)
        .await
        .map_err(failed)?;
        let entry = NewAuditEntry {
            operator,
            act: "access.trust",
            target: &pubkey.to_string(),
            old: "",
            new: about,
        };
        note(&mut transaction, entry).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)
    }

    /// Trusts a key no more; whether it was trusted.
    pub async fn distrust(&self, operator: &str, pubkey: PublicKey) -> Result<bool, StoreError> {
        let failed = StoreError::during("trust a key no more");
        let mut transaction = self.begin(failed).await?;
        let about = sqlx::query_scalar!(
            "DELETE FROM trusted_authors WHERE pubkey = $1 RETURNING note",
            pubkey.as_bytes()
        )
        .fetch_optional(&mut transaction)
        .await
        .map_err(failed)?;
        if let Some(about) = &about {
            let entry = NewAuditEntry {
                operator,
                act: "access.distrust",
                target: &pubkey.to_string(),
                old: about,
                new: "",
            };
            note(&mut transaction, entry).await.map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)?;
        Ok(about.is_some())
    }

    /// The trusted keys, the latest first; and how many there are.
    pub async fn trusted(&self, part: Part) -> Result<(Vec<TrustedAuthor>, i64), StoreError> {
        let failed = StoreError::during("list trusted keys");
        let rows = sqlx::query!(
            r#"SELECT pubkey AS "pubkey: [u8; 32]", note, extract(epoch FROM created_at)::bigint AS "since!",
                count(*) OVER () AS "total!"
            FROM trusted_authors ORDER BY created_at DESC, pubkey OFFSET $1 LIMIT $2"#,
            part.offset,
            part.limit
        )
        .fetch_all(&self.writes)
        .await
        .map_err(failed)?;
        let total = rows.first().map_or(0, |row| row.total);
        let trusted = rows.into_iter().map(|row| TrustedAuthor {
            pubkey: PublicKey::from_bytes(row.pubkey),
            note: row.note,
            since: row.since,
        });
        Ok((trusted.collect(), total))
    }

    /// Prolongs a subscription by days, from its end or, if that is past or there was none, from now. Answers with its new
    /// end in unix seconds.
    pub async fn prolong(&self, operator: &str, pubkey: PublicKey, days: u32) -> Result<i64, StoreError> {
        let failed = StoreError::during("prolong a subscription");
        let days = i32::try_from(days).unwrap_or(i32::MAX);
        let mut transaction = self.begin(failed).await?;
        let end = sqlx::query!(
            r#"INSERT INTO author_subscriptions AS s (pubkey, expires_at) VALUES ($1, now() + make_interval(days => $2))
            ON CONFLICT (pubkey) DO UPDATE
                SET expires_at = greatest(s.expires_at, now()) + make_interval(days => $2), updated_at = now()
            RETURNING extract(epoch FROM expires_at)::bigint AS "until!", to_char(expires_at, 'YYYY-MM-DD') AS "day!""#,
            pubkey.as_bytes(),
            days
        )
        .fetch_one(&mut transaction)
        .await
        .map_err(failed)?;
        let entry = NewAuditEntry {
            operator,
            act: "access.prolong",
            target: &pubkey.to_string(),
            old: "",
            new: &format!("{days} days, until {}", end.day),
        };
        note(&mut transaction, entry).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(end.until)
    }

    /// Ends a subscription at once; whether there was one.
    pub async fn end_subscription(&self, operator: &str, pubkey: PublicKey) -> Result<bool, StoreError> {
        let failed = StoreError::during("end a subscription");
        let mut transaction = self.begin(failed).await?;
        let until = sqlx::query_scalar!(
            r#"DELETE FROM author_subscriptions WHERE pubkey = $1 RETURNING to_char(expires_at, 'YYYY-MM-DD') AS "day!""#,
            pubkey.as_bytes()
        )
        .fetch_optional(&mut transaction)
        .await
        .map_err(failed)?;
        if let Some(until) = &until {
            let entry = NewAuditEntry {
                operator,
                act: "access.end_subscription",
                target: &pubkey.to_string(),
                old: &format!("until {until}"),
                new: "",
            };
            note(&mut transaction, entry).await.map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)?;
        Ok(until.is_some())
    }

    /// The subscriptions, those that end first first; and how many there are.
    pub async fn subscribers(&self, part: Part) -> Result<(Vec<Subscriber>, i64), StoreError> {
        let rows = sqlx::query!(
            r#"SELECT pubkey AS "pubkey: [u8; 32]", extract(epoch FROM expires_at)::bigint AS "until!",
                count(*) OVER () AS "total!"
            FROM author_subscriptions ORDER BY expires_at, pubkey OFFSET $1 LIMIT $2"#,
            part.offset,
            part.limit
        )
        .fetch_all(&self.writes)
        .await
        .map_err(StoreError::during("list subscriptions"))?;
        let total = rows.first().map_or(0, |row| row.total);
        let subscribers = rows.into_iter().map(|row| Subscriber {
            pubkey: PublicKey::from_bytes(row.pubkey),
            until: row.until,
        });
        Ok((subscribers.collect(), total))
    }
}
