//! Roles of members.

use serde_json::Value;
use store::Role;

use super::{Call, Refused};

impl Call<'_> {
    pub(super) async fn put_role(&self, is_new: bool) -> Result<Value, Refused> {
        let id = self.params.text(0)?;
        if id.is_empty() {
            return Err(Refused::Parameter(0, "empty"));
        }
        let role = Role {
            id: id.to_owned(),
            label: self.params.text(1)?.to_owned(),
            description: self.params.text(2)?.to_owned(),
            color: self.params.number(3, 0..=360)?,
            position: self.params.number(4, i32::MIN..=i32::MAX)?,
        };
        if self.cx.store.put_role(self.operator, &role, is_new).await? {
            return Ok(Value::Bool(true));
        }
        let text = if is_new {
            "there is such a role already"
        } else {
            "there is no such role"
        };
        Err(Refused::Not(text.to_owned()))
    }

    pub(super) async fn delete_role(&self) -> Result<Value, Refused> {
        let deleted = self
            .cx
            .store
            .delete_role(self.operator, self.params.text(0)?)
            .await?;
        there_was(deleted)
    }

    pub(super) async fn set_member(&self, is_member: bool) -> Result<Value, Refused> {
        let (pubkey, role) = (self.params.pubkey(0)?, self.params.text(1)?);
        let store = &self.cx.store;
        there_was(store.set_member(self.operator, role, pubkey, is_member).await?)
    }
}

fn there_was(role: bool) -> Result<Value, Refused> {
    if role {
        Ok(Value::Bool(true))
    } else {
        Err(Refused::Not("there is no such role".to_owned()))
    }
}
