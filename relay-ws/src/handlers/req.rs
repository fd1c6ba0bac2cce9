//! `["REQ",<subscription id>,<filter>…]`: registered first, then enqueued.

use std::sync::Arc;

use metrics::counter;
use protocol::{Filter, Hint, Prefix, Reason, SubscriptionId};
use pubsub::{FoundPage, PageHeader};
use queue::{
    Queue,
    jobs::{NewSearch, NewSubscription, Version},
};
use tracing::warn;

use super::{Cx, within_limits};
use crate::{connection::Registered, rate_limit::Action, subscriptions::Subscription};

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
        let wanted: Vec<Filter> = subscription
            .filters
            .iter()
            .filter(|f| f.limit != Some(0) && !f.matches_nothing())
            .cloned()
            .collect();
        if wanted.is_empty() {
            let header = PageHeader {
                generation: subscription.generation,
                end: true,
                hint: Some(Hint::Finish),
            };
            return subscription.stored(&FoundPage::empty(header), std::time::Instant::now());
        }
        self.enqueue_req(&subscription, wanted);
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
        self.relay.intake.refusal(queue(filters)).map_or(Ok(()), Err)
    }

    fn register(&self, id: SubscriptionId, filters: Vec<Filter>) -> Arc<Subscription> {
        let connection = self.connection;
        self.relay.presence.subscribed(connection.id, &id, &filters);
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

    fn enqueue_req(&self, subscription: &Subscription, filters: Vec<Filter>) {
        let (relay, connection) = (Arc::clone(self.relay), Arc::clone(self.connection));
        let job = NewSubscription {
            v: Version,
            connection: connection.id.as_str().to_owned(),
            subscription: subscription.id.clone(),
            generation: subscription.generation,
            client: (*connection.client()).clone(),
            filters,
        };
        // The socket is read on meanwhile; how many REQs one client can have on the way is bounded by its subscriptions.
        tokio::spawn(async move {
            let (subscription, generation) = (job.subscription.clone(), job.generation);
            let pushed = match queue(&job.filters) {
                Queue::Search => relay.intake.push(&NewSearch(job)).await,
                _ => relay.intake.push(&job).await,
            };
            if let Err(error) = pushed {
                warn!(%error, "could not enqueue a REQ");
                counter!("relay_enqueue_failures_total").increment(1);
                let reason = "error: could not ask for stored events, try again later";
                relay.close_subscription(&connection, subscription.as_str(), generation, reason);
            }
        });
    }
}

/// A search may take long, and has a queue of its own.
fn queue(filters: &[Filter]) -> Queue {
    if filters.iter().any(|filter| filter.searched().is_some()) {
        Queue::Search
    } else {
        Queue::Req
    }
}
