//! Networks that may not connect.

use super::{Ruled, note};
use crate::{NewAuditEntry, Store, StoreError};

impl Store {
    /// Blocks a network, in CIDR notation with host bits of zero.
    pub async fn block_address(&self, operator: &str, network: &str, reason: &str) -> Result<(), StoreError> {
        let failed = StoreError::during("block an address");
        let mut transaction = self.begin(failed).await?;
        sqlx::query!(
            "INSERT INTO blocked_addresses (network, reason, operator) VALUES (($1::text)::cidr, $2, $3) \
             ON CONFLICT (network) DO UPDATE SET reason = $2, operator = $3, at = now()",
            network,
            reason,
            operator
        )
        .execute(&mut transaction)
        .await
        .map_err(failed)?;
        let entry = NewAuditEntry {
            operator,
            act: "access.block_address",
            target: network,
            old: "",
            new: reason,
        };
        note(&mut transaction, entry).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)
    }

    /// Lets a network in again; whether it was blocked.
    pub async fn unblock_address(&self, operator: &str, network: &str) -> Result<bool, StoreError> {
        let failed = StoreError::during("unblock an address");
        let mut transaction = self.begin(failed).await?;
        let reason = sqlx::query_scalar!(
            "DELETE FROM blocked_addresses WHERE network = ($1::text)::cidr RETURNING reason",
            network
        )
        .fetch_optional(&mut transaction)
        .await
        .map_err(failed)?;
        if let Some(reason) = &reason {
            let entry = NewAuditEntry {
                operator,
                act: "access.unblock_address",
                target: network,
                old: reason,
                new: "",
            };
            note(&mut transaction, entry).await.map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)?;
        Ok(reason.is_some())
    }

    /// The blocked networks in their order.
    pub async fn blocked_addresses(&self) -> Result<Vec<Ruled<String>>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT network::text AS "network!", reason, operator, extract(epoch FROM at)::bigint AS "at!"
            FROM blocked_addresses ORDER BY blocked_addresses.network"#
        )
        .fetch_all(&self.writes)
        .await
        .map_err(StoreError::during("list blocked addresses"))?;
        let rulings = rows.into_iter().map(|row| Ruled {
            what: row.network,
            reason: row.reason,
            operator: row.operator,
            at: row.at,
        });
        Ok(rulings.collect())
    }
}
