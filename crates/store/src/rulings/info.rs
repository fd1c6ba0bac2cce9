//! What the relay says of itself instead of what the configuration says.

use super::note;
use crate::{NewAuditEntry, Store, StoreError};

/// A field of the NIP-11 document that can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InfoField {
    /// `name`
    Name,
    /// `description`
    Description,
    /// `icon`: a URL
    Icon,
}

impl InfoField {
    const fn act(self) -> &'static str {
        match self {
            Self::Name => "settings.relay_name",
            Self::Description => "settings.relay_description",
            Self::Icon => "settings.relay_icon",
        }
    }
}

impl Store {
    /// Changes a field; `None`: as configured.
    pub async fn change_info(
        &self,
        operator: &str,
        field: InfoField,
        value: Option<&str>,
    ) -> Result<(), StoreError> {
        let failed = StoreError::during("change what the relay says of itself");
        let mut transaction = self.begin(failed).await?;
        let old = sqlx::query!("SELECT name, description, icon FROM relay_info FOR UPDATE")
            .fetch_one(&mut transaction)
            .await
            .map_err(failed)?;
        let (mut name, mut description, mut icon) =
            (old.name.clone(), old.description.clone(), old.icon.clone());
        let (changed, was) = match field {
            InfoField::Name => (&mut name, old.name),
            InfoField::Description => (&mut description, old.description),
            InfoField::Icon => (&mut icon, old.icon),
        };
        *changed = value.map(str::to_owned);
        sqlx::query!(
            "UPDATE relay_info SET name = $1, description = $2, icon = $3",
            name,
            description,
            icon
        )
        .execute(&mut transaction)
        .await
        .map_err(failed)?;
        let entry = NewAuditEntry {
            operator,
            act: field.act(),
            target: "",
            old: was.as_deref().unwrap_or("as configured"),
            new: value.unwrap_or("as configured"),
        };
        note(&mut transaction, entry).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)
    }
}
