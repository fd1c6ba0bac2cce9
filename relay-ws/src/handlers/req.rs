//! `["REQ",<subscription id>,<filter>…]`: registered first, then asked.

use std::sync::Arc;

use protocol::{Filter, Hint, Prefix, Reason, SubscriptionId};
use pubsub::{FoundPage, PageHeader};

use super::{Cx, within_limits};
use crate::{
    connection::Registered,
    questions::{Asking, is_asked, queue_of},
    rate_limit::Action,
    subscriptions::Subscription,
};

impl Cx<'_> {
    /// Starts a subscription. Stored events come from a worker; new ones come from now on.
    pub(super) fn req(&self, id: SubscriptionId, mut filters: Vec<Filter>) {
        if let Err(reason) = self.is_servable(&id, &mut filters) {
            // The client meant to replace a subscription of this name: it must not go on with the old filters.
            self.close(&id);
            return self.connection.line.closed(id.as_str(), &reason.to_string());
        }
        // Registered first: an event stored while the query runs must wait in the subscription, not fall in the gap.
        let subscription = self.register(id, filters);
        if !subscription.filters.iter().any(is_asked) {
            let header = PageHeader {
                generation: subscription.generation(),
                end: true,
                hint: Some(Hint::Finish),
            };
            return subscription.stored(&FoundPage::empty(header), std::time::Instant::now());
        }
        let patience_s = self.relay.config.websocket.req_deadline_s;
        let question = Asking::req(self.connection, &subscription, patience_s);
        self.relay.ask(question);
    }

    fn is_servable(&self, id: &SubscriptionId, filters: &mut [Filter]) -> Result<(), Reason> {
        self.is_allowed(Action::Req)?;
        let config = &self.relay.config;
        within_limits(filters, id.as_str(), config)?;
        self.may_ask(filters, config.auth.min_level_req)?;
        if self.connection.other_subscriptions(id.as_str()) >= config.limits.max_subscriptions {
            let text = format!("more than {} subscriptions", config.limits.max_subscriptions);
            return Err(Reason::new(Prefix::RateLimited, text));
        }
        self.relay.intake.refusal(queue_of(filters)).map_or(Ok(()), Err)
    }

    fn register(&self, id: SubscriptionId, filters: Vec<Filter>) -> Arc<Subscription> {
        let connection = self.connection;
        let filters: Arc<[Filter]> = filters.into();
        let is_new = connection.subscription(id.as_str()).is_none();
        let presence = &self.relay.presence;
        presence.subscribed(connection.id, &id, Arc::clone(&filters), is_new);
        let deadline = Self::deadline(self.relay.config.websocket.req_deadline_s);
        let generation = connection.next_generation();
        let line = Arc::clone(&connection.line);
        let subscription = Arc::new(Subscription::replaying(id, generation, filters, line, deadline));
        let hung = self.relay.live.insert(&subscription);
        let registered = Registered {
            subscription: Arc::clone(&subscription),
            hung,
        };
        if let Some(replaced) = connection.subscribe(registered) {
            self.relay.live.remove(&replaced.hung);
            replaced.subscription.end();
        }
        subscription
    }
}
