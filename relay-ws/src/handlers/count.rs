//! `["COUNT",<query id>,<filter>…]` ([NIP-45](https://nips.nostr.com/45)).

use protocol::{Filter, Reason, SubscriptionId};
use queue::{
    Queue,
    jobs::{CountRequest, Version},
};

use super::{Cx, within_limits};
use crate::{
    owed::{Debt, Owing},
    questions::Asking,
    rate_limit::Action,
};

impl Cx<'_> {
    /// Has events counted.
    pub(super) fn count(&self, id: SubscriptionId, mut filters: Vec<Filter>) {
        if let Err(reason) = self.is_countable(&id, &mut filters) {
            return self.connection.line.closed(id.as_str(), &reason.to_string());
        }
        let (relay, connection) = (self.relay, self.connection);
        let generation = connection.next_generation();
        let debt = Debt::Count(id.clone(), generation);
        let deadline = Self::deadline(relay.config.websocket.count_deadline_s);
        let most = relay.config.limits.max_subscriptions;
        if connection.owed_counts() >= most || connection.owe(debt, deadline, None) == Owing::TooMany {
            return connection.line.closed(
                id.as_str(),
                "rate-limited: too many queries without an answer yet",
            );
        }
        let job = CountRequest {
            v: Version,
            connection: connection.id.as_str().to_owned(),
            subscription: id,
            generation,
            client: (*connection.client()).clone(),
            filters,
        };
        relay.ask(Asking::count(
            connection,
            job,
            relay.config.websocket.count_deadline_s,
        ));
    }

    fn is_countable(&self, id: &SubscriptionId, filters: &mut [Filter]) -> Result<(), Reason> {
        self.is_allowed(Action::Count)?;
        within_limits(filters, id.as_str(), &self.relay.config)?;
        self.may_ask(filters, self.relay.config.auth.min_level_count)?;
        self.relay.intake.refusal(Queue::Count).map_or(Ok(()), Err)
    }
}
