//! What operators decided, held in memory: workers write it to Redis, and it is read again when its version moves.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use parking_lot::RwLock;
use protocol::{Event, Reason, Rulings};
use pubsub::{PubsubError, RulingsKeys};
use runtime::config::Policy;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::{
    outbox::{Close, CloseReason},
    relay::Relay,
};

/// How often the version is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The rulings in force.
pub struct RulingsInForce {
    current: RwLock<Arc<Rulings>>,
    /// Where they lie in Redis, with the names of users.
    pub keys: RulingsKeys,
    policy: Policy,
}

impl RulingsInForce {
    /// What the configuration says, until the first look.
    pub fn new(keys: RulingsKeys, policy: &Policy) -> Self {
        let in_force = Self {
            current: RwLock::default(),
            keys,
            policy: policy.clone(),
        };
        in_force.put(Rulings::default());
        in_force
    }

    /// As they are now.
    pub fn current(&self) -> Arc<Rulings> {
        Arc::clone(&self.current.read())
    }

    /// Why an event may not come in.
    pub fn refusal(&self, event: &Event) -> Option<Reason> {
        self.current.read().refusal(event)
    }

    /// Reads them if they have changed; whether they had.
    pub async fn look(&self) -> Result<bool, PubsubError> {
        let (_, version) = self.keys.state().await?;
        // Redis was emptied: the last ones stay in force until a worker has written them again.
        if version.is_none_or(|version| version == self.current.read().version) {
            return Ok(false);
        }
        let Some(rulings) = self.keys.read().await? else {
            return Ok(false);
        };
        self.put(rulings);
        Ok(true)
    }

    fn put(&self, rulings: Rulings) {
        let policy = &self.policy;
        let rulings = rulings
            .and_kinds(&policy.allowed_kinds, &policy.denied_kinds)
            .and_pubkeys(&policy.allowed_pubkeys, &policy.denied_pubkeys);
        *self.current.write() = Arc::new(rulings);
    }
}

/// Keeps them true until `stop`. Who is connected from an address that is blocked now is closed.
pub async fn watch(relay: Weak<Relay>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let Some(relay) = relay.upgrade() else { return };
        match relay.rulings.look().await {
            Ok(true) => close_blocked(&relay),
            Ok(false) => {}
            Err(error) => debug!(%error, "could not look for new rulings"),
        }
    }
}

fn close_blocked(relay: &Relay) {
    let rulings = relay.rulings.current();
    if rulings.blocked_addresses.is_empty() {
        return;
    }
    relay.connections.for_each(|connection| {
        if rulings.is_blocked(connection.address) {
            connection
                .line
                .close(Close::because(CloseReason::Restricted, "your address is blocked"));
        }
    });
}
