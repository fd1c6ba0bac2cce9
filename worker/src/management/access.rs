//! Keys, events and addresses.

use std::fmt::Display;

use queue::jobs::{Maintenance, Task, Version};
use serde_json::{Value, json};
use store::{Part, Ruled, Verdict};

use super::{Call, Refused};

/// Reported events in one answer.
const REPORTED: u32 = 500;

const DONE: Result<Value, Refused> = Ok(Value::Bool(true));

impl Call<'_> {
    pub(super) async fn ban_pubkey(&self) -> Result<Value, Refused> {
        let (pubkey, reason) = (self.params.pubkey(0)?, self.params.reason(1)?);
        let store = &self.cx.store;
        store
            .rule_pubkey(self.operator, pubkey, Verdict::Banned, reason, false)
            .await?;
        DONE
    }

    pub(super) async fn unban_pubkey(&self) -> Result<Value, Refused> {
        let pubkey = self.params.pubkey(0)?;
        let store = &self.cx.store;
        store.lift_pubkey(self.operator, pubkey, Verdict::Banned).await?;
        DONE
    }

    pub(super) async fn list_banned_pubkeys(&self) -> Result<Value, Refused> {
        let (rulings, _) = self.cx.store.pubkey_rulings(Verdict::Banned, Part::ALL).await?;
        Ok(list("pubkey", &rulings))
    }

    pub(super) async fn allow_pubkey(&self) -> Result<Value, Refused> {
        let (pubkey, reason) = (self.params.pubkey(0)?, self.params.reason(1)?);
        let store = &self.cx.store;
        store
            .rule_pubkey(self.operator, pubkey, Verdict::Allowed, reason, false)
            .await?;
        DONE
    }

    pub(super) async fn unallow_pubkey(&self) -> Result<Value, Refused> {
        let pubkey = self.params.pubkey(0)?;
        let store = &self.cx.store;
        store.lift_pubkey(self.operator, pubkey, Verdict::Allowed).await?;
        DONE
    }

    pub(super) async fn list_allowed_pubkeys(&self) -> Result<Value, Refused> {
        let (rulings, _) = self.cx.store.pubkey_rulings(Verdict::Allowed, Part::ALL).await?;
        Ok(list("pubkey", &rulings))
    }

    pub(super) async fn list_events_needing_moderation(&self) -> Result<Value, Refused> {
        let reported = self.cx.store.events_needing_moderation(REPORTED).await?;
        let list = reported.iter().map(|reported| {
            let report: Value = serde_json::from_slice(&reported.report).unwrap_or_default();
            json!({ "id": reported.id, "reason": report["content"] })
        });
        Ok(list.collect())
    }

    pub(super) async fn allow_event(&self) -> Result<Value, Refused> {
        let (event, reason) = (self.params.event(0)?, self.params.reason(1)?);
        let store = &self.cx.store;
        store
            .rule_event(self.operator, event, Verdict::Allowed, reason)
            .await?;
        DONE
    }

    /// It is removed at once, and once more later: it may have been on its way to the store.
    pub(super) async fn ban_event(&self) -> Result<Value, Refused> {
        let (event, reason) = (self.params.event(0)?, self.params.reason(1)?);
        let cx = self.cx;
        cx.store
            .rule_event(self.operator, event, Verdict::Banned, reason)
            .await?;
        let task = Task::BannedEvents;
        if let Err(error) = cx.producer.push(&Maintenance { v: Version, task }).await {
            tracing::debug!(%error, "the schedule will remove banned events");
        }
        DONE
    }

    pub(super) async fn list_banned_events(&self) -> Result<Value, Refused> {
        let (rulings, _) = self.cx.store.event_rulings(Verdict::Banned, Part::ALL).await?;
        Ok(list("id", &rulings))
    }

    pub(super) async fn block_ip(&self) -> Result<Value, Refused> {
        let (network, reason) = (self.params.network(0)?, self.params.reason(1)?);
        let network = network.to_string();
        self.cx
            .store
            .block_address(self.operator, &network, reason)
            .await?;
        DONE
    }

    pub(super) async fn unblock_ip(&self) -> Result<Value, Refused> {
        let network = self.params.network(0)?.to_string();
        self.cx.store.unblock_address(self.operator, &network).await?;
        DONE
    }

    pub(super) async fn list_blocked_ips(&self) -> Result<Value, Refused> {
        let blocked = self.cx.store.blocked_addresses().await?;
        let list = blocked.iter().map(|ruled| {
            // One address is told as one.
            let network = ruled.what.as_str();
            let single = network
                .strip_suffix("/32")
                .or_else(|| network.strip_suffix("/128"));
            json!({ "ip": single.unwrap_or(network), "reason": ruled.reason })
        });
        Ok(list.collect())
    }
}

fn list<T: Display>(name: &str, rulings: &[Ruled<T>]) -> Value {
    rulings
        .iter()
        .map(|ruled| json!({ name: ruled.what.to_string(), "reason": ruled.reason }))
        .collect()
}
