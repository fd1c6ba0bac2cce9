//! What operators decided about who and what may come in, as every process holds it in memory
//! ([NIP-86](https://nips.nostr.com/86) and the Access page of admin write it).

use std::{
    collections::{BTreeSet, HashSet},
    net::IpAddr,
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{Event, EventId, Prefix, PublicKey, Reason};

/// The rulings in force. JSON under the Redis key `rulings`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rulings {
    /// Grows with every change.
    pub version: i64,
    /// Keys that may not write.
    pub banned_pubkeys: HashSet<PublicKey>,
    /// If there are any, only these keys may write, and who has proven one of them.
    pub allowed_pubkeys: HashSet<PublicKey>,
    /// Events that may not come back.
    pub banned_events: HashSet<EventId>,
    /// Kinds that nobody may write.
    pub banned_kinds: BTreeSet<u16>,
    /// If there are any, only these kinds may be written.
    pub allowed_kinds: BTreeSet<u16>,
    /// Networks that may not connect.
    pub blocked_addresses: Vec<IpNet>,
    /// The relay's name, if it was changed since the configuration was written.
    pub name: Option<String>,
    /// Its description, in the same way.
    pub description: Option<String>,
    /// The URL of its icon, in the same way.
    pub icon: Option<String>,
}

impl Rulings {
    /// With the kinds that the configuration allows and denies: both hold.
    #[must_use]
    pub fn and_kinds(mut self, allowed: &[u16], denied: &[u16]) -> Self {
        self.allowed_kinds.extend(allowed);
        self.banned_kinds.extend(denied);
        self
    }

    /// With the keys in hex that the configuration allows and denies: both hold.
    #[must_use]
    pub fn and_pubkeys(mut self, allowed: &[String], denied: &[String]) -> Self {
        let keys =
            |keys: &[String]| -> Vec<PublicKey> { keys.iter().filter_map(|key| key.parse().ok()).collect() };
        self.allowed_pubkeys.extend(keys(allowed));
        self.banned_pubkeys.extend(keys(denied));
        self
    }

    /// Why an event may not come in, whoever sends it: its kind, its author or the event itself. Looks into sets, most of which are
    /// empty; no text is made for what is welcome. Whether its author is one of those that are allowed is for policy to ask: it knows
    /// who sends it.
    pub fn refusal(&self, event: &Event) -> Option<Reason> {
        let kind = event.kind.0;
        let kind_is_welcome = (self.allowed_kinds.is_empty() || self.allowed_kinds.contains(&kind))
            && !self.banned_kinds.contains(&kind);
        if !kind_is_welcome {
            let text = format!("kind {kind} is not accepted here");
            return Some(Reason::new(Prefix::Blocked, text));
        }
        if self.banned_pubkeys.contains(&event.pubkey) {
            return Some(Reason::new(Prefix::Blocked, "this author may not write here"));
        }
        let is_banned = !self.banned_events.is_empty() && self.banned_events.contains(&event.id);
        is_banned.then(|| Reason::new(Prefix::Blocked, "this event was removed by the operator"))
    }

    /// Whether an address may not connect.
    pub fn is_blocked(&self, address: IpAddr) -> bool {
        self.blocked_addresses
            .iter()
            .any(|network| network.contains(&address))
    }

    /// Whether not everybody may write everything.
    pub fn restrict_writes(&self) -> bool {
        !self.allowed_kinds.is_empty() || !self.allowed_pubkeys.is_empty()
    }
}
