//! Roles of members (NIP-43): labels for clients.

use protocol::PublicKey;

use super::note;
use crate::{NewAuditEntry, Store, StoreError};

/// A role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its id.
    pub id: String,
    /// Its label.
    pub label: String,
    /// What it is for.
    pub description: String,
    /// A hue, 0 to 360.
    pub color: i32,
    /// Its place among the others.
    pub position: i32,
}

impl Store {
    /// Adds a role, or changes one; whether that was possible: a new one must be new, a changed one must be there.
    pub async fn put_role(&self, operator: &str, role: &Role, is_new: bool) -> Result<bool, StoreError> {
        let failed = StoreError::during("write a role");
        let mut transaction = self.begin(failed).await?;
        let written = if is_new {
            sqlx::query!(
                "INSERT INTO roles (id, label, description, color, position) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT DO NOTHING",
                role.id,
                role.label,
                role.description,
                role.color,
                role.position
            )
            .execute(&mut transaction)
            .await
        } else {
            sqlx::query!(
                "UPDATE roles SET label = $2, description = $3, color = $4, position = $5 WHERE id = $1",
                role.id,
                role.label,
                role.description,
                role.color,
                role.position
            )
            .execute(&mut transaction)
            .await
        };
        let written = written.map_err(failed)?.rows_affected() > 0;
        if written {
            let entry = NewAuditEntry {
                operator,
                act: if is_new {
                    "access.create_role"
                } else {
                    "access.edit_role"
                },
                target: &role.id,
                old: "",
                new: &role.label,
            };
            note(&mut transaction, entry).await.map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)?;
        Ok(written)
    }

    /// Removes a role and takes it from its members; whether there was one.
    pub async fn delete_role(&self, operator: &str, id: &str) -> Result<bool, StoreError> {
        let failed = StoreError::during("delete a role");
        let mut transaction = self.begin(failed).await?;
        let deleted = sqlx::query!("DELETE FROM roles WHERE id = $1", id)
            .execute(&mut transaction)
            .await
            .map_err(failed)?
            .rows_affected()
            > 0;
        if deleted {
            let entry = NewAuditEntry {
                operator,
                act: "access.delete_role",
                target: id,
                ..NewAuditEntry::default()
            };
            note(&mut transaction, entry).await.map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)?;
        Ok(deleted)
    }

    /// Gives a role to a key, or takes it away; `false` if there is no such role.
    pub async fn set_member(
        &self,
        operator: &str,
        role: &str,
        pubkey: PublicKey,
        is_member: bool,
    ) -> Result<bool, StoreError> {
        let failed = StoreError::during("change the members of a role");
        let mut transaction = self.begin(failed).await?;
        let exists = sqlx::query_scalar!(r#"SELECT 1 AS "one!" FROM roles WHERE id = $1 FOR SHARE"#, role)
            .fetch_optional(&mut transaction)
            .await
            .map_err(failed)?
            .is_some();
        if !exists {
            return Ok(false);
        }
        if is_member {
            sqlx::query!(
                "INSERT INTO role_members (role, pubkey) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                role,
                pubkey.as_bytes()
            )
            .execute(&mut transaction)
            .await
            .map_err(failed)?;
        } else {
            sqlx::query!(
                "DELETE FROM role_members WHERE role = $1 AND pubkey = $2",
                role,
                pubkey.as_bytes()
            )
            .execute(&mut transaction)
            .await
            .map_err(failed)?;
        }
        let entry = NewAuditEntry {
            operator,
            act: if is_member {
                "access.assign_role"
            } else {
                "access.unassign_role"
            },
            target: &pubkey.to_string(),
            old: "",
            new: role,
        };
        note(&mut transaction, entry).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(true)
    }

    /// The roles in their order, with the number of their members.
    pub async fn roles(&self) -> Result<Vec<(Role, i64)>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT id, label, description, color, position,
                (SELECT count(*) FROM role_members m WHERE m.role = r.id) AS "members!"
            FROM roles r ORDER BY position, id"#
        )
        .fetch_all(&self.writes)
        .await
        .map_err(StoreError::during("list roles"))?;
        let roles = rows.into_iter().map(|row| {
            let role = Role {
                id: row.id,
                label: row.label,
                description: row.description,
                color: row.color,
                position: row.position,
            };
            (role, row.members)
        });
        Ok(roles.collect())
    }
}
