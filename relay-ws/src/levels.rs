//! Auth levels change while connections are open: by a payment, by the operator, with time. What a client may no longer do
//! ends at once.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use protocol::{AuthLevel, EventId, Prefix, PublicKey, Reason};
use queue::jobs::{AuthorizationRequest, Version};
use tracing::warn;

use crate::{
    connection::Connection,
    outbox::{Close, CloseReason},
    proofs::{Proof, Proven},
    recent::Recent,
    relay::Relay,
};

/// Auth levels that may have changed.
#[derive(Debug, Default)]
pub struct Doubts {
    /// Keys whose levels changed lately: an answer about one of them may be older than the change.
    pub of_keys: Recent<PublicKey>,
    /// Whether all levels have to be looked up again.
    pub of_all: AtomicBool,
}

impl Relay {
    /// The levels of these keys may have changed; of none: those of all keys. The database is asked again.
    pub fn levels_changed(self: &Arc<Self>, pubkeys: &[PublicKey]) {
        if pubkeys.is_empty() {
            // Every worker may say so at the same moment: once a second is often enough.
            return self.doubts.of_all.store(true, Ordering::Relaxed);
        }
        for pubkey in pubkeys {
            self.doubts.of_keys.insert(*pubkey);
        }
        self.connections.for_each(|connection| {
            for proof in pubkeys.iter().filter_map(|pubkey| connection.proofs.of(pubkey)) {
                self.look_up_level(Arc::clone(connection), proof.event, proof.pubkey);
            }
        });
    }

    /// Asks for all levels again, if somebody said that they may have changed.
    pub fn settle_doubts(self: &Arc<Self>) {
        if !self.doubts.of_all.swap(false, Ordering::Relaxed) {
            return;
        }
        self.connections.for_each(|connection| {
            for proof in connection.proofs.all() {
                self.look_up_level(Arc::clone(connection), proof.event, proof.pubkey);
            }
        });
    }

    /// The database has said how far a proven key is trusted.
    pub fn level_found(self: &Arc<Self>, connection: &Arc<Connection>, proof: Proof) {
        let Proven {
            is_new,
            before,
            after,
        } = connection.proofs.add(proof);
        let Proof { pubkey, event, .. } = proof;
        self.presence.authenticated(connection.id, pubkey, after, event);
        if is_new && self.doubts.of_keys.contains(&pubkey) {
            // It changed while the first answer was on its way, perhaps after that had been looked up.
            self.look_up_level(Arc::clone(connection), event, pubkey);
        }
        if after < before {
            self.end_what_needs_more(connection, after);
        }
    }

    fn end_what_needs_more(&self, connection: &Connection, level: AuthLevel) {
        let (config, level) = (&self.config, u8::from(level));
        let reason = Reason::new(Prefix::Restricted, "your key is not allowed to do this any more");
        let reason = reason.to_string();
        if level < config.auth.min_level_connection {
            return connection
                .line
                .close(Close::because(CloseReason::Restricted, &reason));
        }
        if level >= config.auth.min_level_req {
            return;
        }
        for subscription in connection.subscriptions() {
            let kinds = subscription.filters.iter().map(|filter| filter.kinds.as_deref());
            if level < config.min_level_to_ask(config.auth.min_level_req, kinds) {
                self.close_subscription(connection, &subscription, &reason);
            }
        }
        for id in connection.reconciliations.end_all() {
            connection.line.neg_err(id.as_str(), &reason, None);
        }
    }

    /// Has a worker look up a level.
    pub fn look_up_level(self: &Arc<Self>, connection: Arc<Connection>, event: EventId, pubkey: PublicKey) {
        let relay = Arc::clone(self);
        self.runtime.spawn(async move {
            let job = AuthorizationRequest {
                v: Version,
                connection: connection.id.as_str().to_owned(),
                event,
                pubkey,
            };
            if let Err(error) = relay.intake.push(&job).await {
                warn!(%error, "could not ask for an auth level");
                let reason = "error: could not look up the key, try again later";
                relay.answer_auth(&connection, event, false, reason);
            }
        });
    }
}
