//! The rulings in force.

use protocol::{EventId, PublicKey, Rulings};

use crate::{Store, StoreError};

impl Store {
    /// Which version of the rulings is in force.
    pub async fn rulings_version(&self) -> Result<i64, StoreError> {
        sqlx::query_scalar!("SELECT version FROM rulings_version")
            .fetch_one(&self.writes)
            .await
            .map_err(StoreError::during("look for new rulings"))
    }

    /// All of them, as they are at one moment.
    pub async fn rulings(&self) -> Result<Rulings, StoreError> {
        let row = sqlx::query!(
            r#"SELECT v.version,
                ARRAY(SELECT pubkey FROM pubkey_rulings WHERE NOT is_allowed) AS "banned_pubkeys!: Vec<[u8; 32]>",
                ARRAY(SELECT pubkey FROM pubkey_rulings WHERE is_allowed) AS "allowed_pubkeys!: Vec<[u8; 32]>",
                ARRAY(SELECT id FROM event_rulings WHERE NOT is_allowed) AS "banned_events!: Vec<[u8; 32]>",
                ARRAY(SELECT kind FROM kind_rulings WHERE NOT is_allowed) AS "banned_kinds!",
                ARRAY(SELECT kind FROM kind_rulings WHERE is_allowed) AS "allowed_kinds!",
                ARRAY(SELECT network::text FROM blocked_addresses) AS "blocked!",
                i.name, i.description, i.icon
            FROM rulings_version v, relay_info i"#
        )
        .fetch_one(&self.writes)
        .await
        .map_err(StoreError::during("read the rulings"))?;
        let kinds = |kinds: Vec<i32>| {
            kinds
                .into_iter()
                .filter_map(|kind| u16::try_from(kind).ok())
                .collect()
        };
        Ok(Rulings {
            version: row.version,
            banned_pubkeys: row
                .banned_pubkeys
                .into_iter()
                .map(PublicKey::from_bytes)
                .collect(),
            allowed_pubkeys: row
                .allowed_pubkeys
                .into_iter()
                .map(PublicKey::from_bytes)
                .collect(),
            banned_events: row.banned_events.into_iter().map(EventId::from_bytes).collect(),
            banned_kinds: kinds(row.banned_kinds),
            allowed_kinds: kinds(row.allowed_kinds),
            blocked_addresses: row
                .blocked
                .iter()
                .filter_map(|network| network.parse().ok())
                .collect(),
            name: row.name,
            description: row.description,
            icon: row.icon,
        })
    }
}
