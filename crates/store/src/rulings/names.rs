//! Names of users (NIP-05) and the keys that they stand for. A key with a name has level 2.

use protocol::PublicKey;

use super::{Part, note};
use crate::{NewAuditEntry, Store, StoreError};

/// A key of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The key.
    pub pubkey: PublicKey,
    /// `bob` of `bob@example.com`; `None`: registered without a name.
    pub name: Option<String>,
    /// Where the key's events are found.
    pub relays: Vec<String>,
    /// Unix seconds.
    pub since: i64,
}

/// What became of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewName {
    /// It is the key's.
    Given,
    /// It is another key's.
    Taken,
}

impl Store {
    /// Registers a key, with a name or without one; what it had before is replaced.
    pub async fn give_name(
        &self,
        operator: &str,
        pubkey: PublicKey,
        name: Option<&str>,
        relays: &[String],
    ) -> Result<NewName, StoreError> {
        let failed = StoreError::during("give a name");
        let mut transaction = self.begin(failed).await?;
        let taken = sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT FROM user_pubkeys WHERE name = $1 AND pubkey <> $2) AS "taken!""#,
            name,
            pubkey.as_bytes()
        )
        .fetch_one(&mut transaction)
        .await
        .map_err(failed)?;
        if taken {
            return Ok(NewName::Taken);
        }
        sqlx::query!(
            "INSERT INTO user_pubkeys (pubkey, name, relays) VALUES ($1, $2, $3) \
             ON CONFLICT (pubkey) DO UPDATE SET name = $2, relays = $3",
            pubkey.as_bytes(),
            name,
            relays
        )
        .execute(&mut transaction)
        .await
        .map_err(failed)?;
        let entry = NewAuditEntry {
            operator,
            act: "access.name",
            target: &pubkey.to_string(),
            old: "",
            new: name.unwrap_or_default(),
        };
        note(&mut transaction, entry).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(NewName::Given)
    }

    /// Removes a registered key with its name; whether it was registered.
    pub async fn remove_name(&self, operator: &str, pubkey: PublicKey) -> Result<bool, StoreError> {
        let failed = StoreError::during("remove a name");
        let mut transaction = self.begin(failed).await?;
        let removed = sqlx::query!(
            "DELETE FROM user_pubkeys WHERE pubkey = $1 RETURNING name",
            pubkey.as_bytes()
        )
        .fetch_optional(&mut transaction)
        .await
        .map_err(failed)?;
        if let Some(removed) = &removed {
            let entry = NewAuditEntry {
                operator,
                act: "access.remove_name",
                target: &pubkey.to_string(),
                old: removed.name.as_deref().unwrap_or_default(),
                new: "",
            };
            note(&mut transaction, entry).await.map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)?;
        Ok(removed.is_some())
    }

    /// The registered keys by name; and how many there are.
    pub async fn names(&self, part: Part) -> Result<(Vec<Name>, i64), StoreError> {
        let rows = sqlx::query!(
            r#"SELECT pubkey AS "pubkey: [u8; 32]", name, relays, extract(epoch FROM created_at)::bigint AS "since!",
                count(*) OVER () AS "total!"
            FROM user_pubkeys ORDER BY name NULLS LAST, pubkey OFFSET $1 LIMIT $2"#,
            part.offset,
            part.limit
        )
        .fetch_all(&self.writes)
        .await
        .map_err(StoreError::during("list names"))?;
        let total = rows.first().map_or(0, |row| row.total);
        let names = rows.into_iter().map(|row| Name {
            pubkey: PublicKey::from_bytes(row.pubkey),
            name: row.name,
            relays: row.relays,
            since: row.since,
        });
        Ok((names.collect(), total))
    }
}
