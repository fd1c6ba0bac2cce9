//! The rulings of operators, held in memory: read when they change, never for an event.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use parking_lot::RwLock;
use protocol::Rulings;
use pubsub::{PubsubError, RulingsKeys};
use runtime::config::Policy;
use serde_json::json;
use store::{Name, Part, Store, StoreError};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

/// How often Redis is asked whether something changed.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Every so many looks Postgres is asked as well: who changed something may have died before it could tell.
const ASK_POSTGRES: u32 = 25;

/// The rulings in force, together with what the configuration says of kinds and keys. Cheap to clone.
#[derive(Clone)]
pub struct RulingsInForce(Arc<Inner>);

struct Inner {
    current: RwLock<Arc<Rulings>>,
    store: Store,
    keys: RulingsKeys,
    policy: Policy,
}

/// Rulings could not be read or passed on.
#[derive(Debug, thiserror::Error)]
enum Stale {
    #[error(transparent)]
    Redis(#[from] PubsubError),
    #[error(transparent)]
    Postgres(#[from] StoreError),
}

impl RulingsInForce {
    /// Reads them: nothing is decided before they are known.
    pub async fn load(store: Store, keys: RulingsKeys, policy: &Policy) -> Result<Self, StoreError> {
        let rulings = store.rulings().await?;
        let in_force = Self(Arc::new(Inner {
            current: RwLock::default(),
            store,
            keys,
            policy: policy.clone(),
        }));
        in_force.0.put(rulings);
        Ok(in_force)
    }

    /// As they are now.
    pub fn current(&self) -> Arc<Rulings> {
        Arc::clone(&self.0.current.read())
    }

    /// An operator changed something through this process: it holds here at once, and everywhere soon.
    pub async fn changed(&self) {
        if let Err(error) = self.0.changed().await {
            debug!(%error, "could not tell of new rulings");
        }
    }

    /// Keeps them true until `stop`, here and in Redis, where relay-ws reads them.
    pub async fn watch(self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut seen, mut looks) = (None, 0_u32);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            looks = looks.wrapping_add(1);
            if let Err(error) = self.0.look(&mut seen, looks.is_multiple_of(ASK_POSTGRES)).await {
                // The last ones stay in force; readiness tells what is away.
                debug!(%error, "could not look for new rulings");
            }
        }
    }
}

impl Inner {
    async fn look(&self, seen: &mut Option<i64>, ask_postgres: bool) -> Result<(), Stale> {
        let (changes, copied) = self.keys.state().await?;
        let own = self.current.read().version;
        let is_stale = changes != *seen
            || copied != Some(own)
            || (ask_postgres && self.store.rulings_version().await? != own);
        if is_stale {
            self.read_again(copied).await?;
            *seen = changes;
        }
        Ok(())
    }

    async fn changed(&self) -> Result<(), Stale> {
        self.read_again(None).await?;
        Ok(self.keys.changed().await?)
    }

    async fn read_again(&self, copied: Option<i64>) -> Result<(), Stale> {
        let rulings = self.store.rulings().await?;
        if copied != Some(rulings.version) {
            let (names, _) = self.store.names(Part::ALL).await?;
            self.keys.write(&rulings, &answers(&names)).await?;
            info!(version = rulings.version, "new rulings are in force");
        }
        self.put(rulings);
        Ok(())
    }

    fn put(&self, rulings: Rulings) {
        *self.current.write() = Arc::new(in_force(rulings, &self.policy));
    }
}

/// Rulings together with what the configuration says of kinds and keys.
pub fn in_force(rulings: Rulings, policy: &Policy) -> Rulings {
    rulings
        .and_kinds(&policy.allowed_kinds, &policy.denied_kinds)
        .and_pubkeys(&policy.allowed_pubkeys, &policy.denied_pubkeys)
}

/// What `/.well-known/nostr.json?name=…` answers, by name ([NIP-05](https://nips.nostr.com/5)).
fn answers(names: &[Name]) -> BTreeMap<String, String> {
    let answer = |entry: &Name| {
        let (name, key) = (entry.name.clone()?, entry.pubkey.to_string());
        let mut answer = json!({ "names": { name.as_str(): key } });
        if !entry.relays.is_empty() {
            answer["relays"] = json!({ key: entry.relays });
        }
        Some((name, answer.to_string()))
    };
    names.iter().filter_map(answer).collect()
}
