//! Kinds. A relay starts with all of them. `disallowkind` bans one, and `allowkind` takes that back; of a kind that nobody banned
//! `allowkind` makes the first of a list of those that alone may be written.

use serde_json::{Value, json};
use store::Verdict;

use super::{Call, Refused};

impl Call<'_> {
    pub(super) async fn allow_kind(&self) -> Result<Value, Refused> {
        let kind = self.params.kind(0)?;
        let cx = self.cx;
        if cx.config.policy.denied_kinds.contains(&kind) {
            let text = format!("the configuration denies kind {kind}: policy.denied_kinds");
            return Err(Refused::Not(text));
        }
        let was_banned = cx.store.lift_kind(self.operator, kind, Verdict::Banned).await?;
        let there_is_a_list = !cx.rulings.current().allowed_kinds.is_empty();
        if !was_banned || there_is_a_list {
            cx.store
                .rule_kind(self.operator, kind, Verdict::Allowed, "")
                .await?;
        }
        Ok(Value::Bool(true))
    }

    pub(super) async fn disallow_kind(&self) -> Result<Value, Refused> {
        let kind = self.params.kind(0)?;
        let store = &self.cx.store;
        store.rule_kind(self.operator, kind, Verdict::Banned, "").await?;
        Ok(Value::Bool(true))
    }

    pub(super) async fn list_allowed_kinds(&self) -> Result<Value, Refused> {
        let rulings = self.cx.store.rulings().await?;
        let policy = &self.cx.config.policy;
        let rulings = rulings.and_kinds(&policy.allowed_kinds, &policy.denied_kinds);
        let allowed = rulings.allowed_kinds.difference(&rulings.banned_kinds);
        Ok(json!(allowed.collect::<Vec<_>>()))
    }
}
