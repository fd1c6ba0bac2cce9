//! Nostr keys of operators.

use protocol::PublicKey;

use crate::{Store, StoreError};

impl Store {
    /// Whose key it is: the operator's number and name.
    pub async fn operator_by_key(&self, pubkey: PublicKey) -> Result<Option<(i64, String)>, StoreError> {
        let row = sqlx::query!(
            "SELECT o.id, o.name FROM operator_keys k JOIN operators o ON o.id = k.operator_id WHERE k.pubkey = $1",
            pubkey.as_bytes()
        )
        .fetch_optional(&self.writes)
        .await
        .map_err(StoreError::during("look up an operator by key"))?;
        Ok(row.map(|row| (row.id, row.name)))
    }

    /// Gives a key to an operator; whether it is new. A key belongs to one operator.
    pub async fn add_operator_key(&self, operator: i64, pubkey: PublicKey) -> Result<bool, StoreError> {
        let added = sqlx::query!(
            "INSERT INTO operator_keys (pubkey, operator_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            pubkey.as_bytes(),
            operator
        )
        .execute(&self.writes)
        .await
        .map_err(StoreError::during("add an operator's key"))?;
        Ok(added.rows_affected() > 0)
    }

    /// Takes a key away from an operator; whether it had it.
    pub async fn remove_operator_key(&self, operator: i64, pubkey: PublicKey) -> Result<bool, StoreError> {
        let removed = sqlx::query!(
            "DELETE FROM operator_keys WHERE operator_id = $1 AND pubkey = $2",
            operator,
            pubkey.as_bytes()
        )
        .execute(&self.writes)
        .await
        .map_err(StoreError::during("remove an operator's key"))?;
        Ok(removed.rows_affected() > 0)
    }

    /// The keys of an operator, oldest first.
    pub async fn operator_keys(&self, operator: i64) -> Result<Vec<PublicKey>, StoreError> {
        let rows = sqlx::query_scalar!(
            r#"SELECT pubkey AS "pubkey: [u8; 32]" FROM operator_keys WHERE operator_id = $1 ORDER BY created_at, pubkey"#,
            operator
        )
        .fetch_all(&self.writes)
        .await
        .map_err(StoreError::during("list an operator's keys"))?;
        Ok(rows.into_iter().map(PublicKey::from_bytes).collect())
    }
}
