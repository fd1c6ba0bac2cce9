//! What the relay says of itself (NIP-11). An empty text: as configured.

use serde_json::Value;
use store::InfoField;

use super::{Call, Refused};

impl Call<'_> {
    pub(super) async fn change_name(&self) -> Result<Value, Refused> {
        self.change(InfoField::Name).await
    }

    pub(super) async fn change_description(&self) -> Result<Value, Refused> {
        self.change(InfoField::Description).await
    }

    pub(super) async fn change_icon(&self) -> Result<Value, Refused> {
        let url = self.params.text(0)?;
        if !url.is_empty() && !url.starts_with("https://") && !url.starts_with("http://") {
            return Err(Refused::Parameter(0, "not a URL"));
        }
        self.change(InfoField::Icon).await
    }

    async fn change(&self, field: InfoField) -> Result<Value, Refused> {
        let text = self.params.text(0)?.trim();
        let value = (!text.is_empty()).then_some(text);
        self.cx.store.change_info(self.operator, field, value).await?;
        Ok(Value::Bool(true))
    }
}
