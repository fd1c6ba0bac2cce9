//! `["NEG-OPEN",<id>,<filter>,<message>]`, `["NEG-MSG",<id>,<message>]`, `["NEG-CLOSE",<id>]`
//! ([NIP-77](https://nips.nostr.com/77)): which events does one side have that the other needs?

use protocol::{Filter, NegentropyMessage, Prefix, Reason, SubscriptionId};
use queue::{
    Queue,
    jobs::{Reconcile, Version},
};

use super::{Cx, within_limits};
use crate::{
    owed::{Debt, Owing},
    questions::Asking,
    rate_limit::Action,
    reconciliations::{Topic, Unanswerable},
};

impl Cx<'_> {
    /// Starts a reconciliation, in the place of one of that name.
    pub(super) fn neg_open(&self, id: SubscriptionId, filter: Filter, message: NegentropyMessage) {
        // Its own limit, if it has one, is that of the set: the newest events. The limits of answers do not matter.
        let limit = filter.limit;
        let mut filters = [filter];
        if let Err(reason) = self.is_reconcilable(&id, &mut filters) {
            return self.neg_err(&id, &reason.to_string());
        }
        let [mut filter] = filters;
        filter.limit = limit;
        let topic = Topic {
            generation: self.connection.next_generation(),
            filter,
            client: (*self.connection.client()).clone(),
        };
        let most = self.relay.config.limits.max_reconciliations;
        if !self.connection.reconciliations.open(&id, topic.clone(), most) {
            let reason = format!("rate-limited: more than {most} reconciliations at a time");
            return self.neg_err(&id, &reason);
        }
        self.reconcile(id, topic, message, true);
    }

    /// Goes on with a reconciliation.
    pub(super) fn neg_msg(&self, id: &SubscriptionId, message: NegentropyMessage) {
        let generation = self.connection.next_generation();
        match self.connection.reconciliations.asked(id, generation) {
            Ok(topic) => self.reconcile(id.clone(), topic, message, false),
            Err(Unanswerable::NotOpen) => {
                self.neg_err(id, "closed: there is no open reconciliation of this name");
            }
            Err(Unanswerable::OutOfTurn) => {
                self.neg_err(id, "invalid: wait for the answer to your last message");
            }
        }
    }

    /// Ends a reconciliation. What a worker still says to it is dropped.
    pub(super) fn neg_close(&self, id: &SubscriptionId) {
        self.connection.reconciliations.end(id.as_str());
    }

    fn is_reconcilable(&self, id: &SubscriptionId, filters: &mut [Filter]) -> Result<(), Reason> {
        self.is_allowed(Action::Req)?;
        let config = &self.relay.config;
        within_limits(filters, id.as_str(), config)?;
        if filters.iter().any(|filter| filter.searched().is_some()) {
            let reason = "a search has no set of events that could be compared";
            return Err(Reason::new(Prefix::Unsupported, reason));
        }
        self.may_ask(filters, config.auth.min_level_req)?;
        self.relay.intake.refusal(Queue::Negentropy).map_or(Ok(()), Err)
    }

    fn neg_err(&self, id: &SubscriptionId, reason: &str) {
        self.connection.reconciliations.end(id.as_str());
        self.connection.line.neg_err(id.as_str(), reason, None);
    }

    fn reconcile(&self, id: SubscriptionId, topic: Topic, message: NegentropyMessage, opens: bool) {
        let (relay, connection) = (self.relay, self.connection);
        let debt = Debt::Negentropy(id.clone(), topic.generation);
        let deadline = Self::deadline(relay.config.websocket.negentropy_deadline_s);
        if connection.owe(debt, deadline, None) == Owing::TooMany {
            return self.neg_err(&id, "rate-limited: too many queries without an answer yet");
        }
        let job = Reconcile {
            v: Version,
            connection: connection.id.as_str().to_owned(),
            subscription: id,
            generation: topic.generation,
            client: topic.client,
            filter: topic.filter,
            opens,
            message,
        };
        let patience_s = relay.config.websocket.negentropy_deadline_s;
        relay.ask(Asking::reconcile(connection, job, patience_s));
    }
}
