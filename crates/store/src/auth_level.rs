//! What a public key is allowed.

use protocol::{AuthLevel, PublicKey};

use crate::{Store, StoreError};

impl Store {
    /// The auth level of a proven key.
    pub async fn auth_level(&self, pubkey: PublicKey) -> Result<AuthLevel, StoreError> {
        let level = sqlx::query_scalar!(
            r#"SELECT CASE
                WHEN EXISTS (SELECT FROM trusted_authors WHERE pubkey = $1) THEN 4
                WHEN EXISTS (SELECT FROM author_subscriptions WHERE pubkey = $1 AND expires_at > now()) THEN 3
                WHEN EXISTS (SELECT FROM user_pubkeys WHERE pubkey = $1) THEN 2
                ELSE 1 END AS "level!""#,
            pubkey.as_bytes(),
        )
        .fetch_one(&self.writes)
        .await
        .map_err(|source| StoreError::Query {
            operation: "look up an auth level",
            source,
        })?;
        Ok(match level {
            4 => AuthLevel::Trusted,
            3 => AuthLevel::Subscriber,
            2 => AuthLevel::Registered,
            _ => AuthLevel::Key,
        })
    }
}
