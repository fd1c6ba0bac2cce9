//! New events: to every subscription that wants them. In a task of its own, so that no answer waits until thousands have got an event.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use metrics::counter;
use protocol::{Event, EventId, Kind, Reader};
use pubsub::{Ballot, LivePage, ProcessId};
use tokio::sync::mpsc;
use tracing::debug;

use crate::{
    relay::Relay,
    subscriptions::{LastFrame, Subscription, TooManyWaiting},
};

/// Pages that may wait to be passed on. Beyond that nothing more is heard until there is room.
const WAITING: usize = 16;

/// New events that came together, and were not passed on before.
#[derive(Debug)]
pub struct NewEvents {
    /// Each with its canonical JSON.
    events: Vec<(Event, Bytes)>,
    /// Who wants to know which of them were listened for.
    ballot: Option<(ProcessId, Ballot)>,
}

/// Starts the task that passes on what it is sent, in its order, until the relay ends.
pub fn start(relay: Weak<Relay>) -> mpsc::Sender<NewEvents> {
    let (sender, mut coming) = mpsc::channel::<NewEvents>(WAITING);
    tokio::spawn(async move {
        while let Some(events) = coming.recv().await {
            let Some(relay) = relay.upgrade() else { return };
            relay.pass_on(events);
        }
    });
    sender
}

impl Relay {
    /// What is new of a page. What it takes back is forgotten at once: whoever gets the OK of a deletion may send what was deleted
    /// right after.
    pub fn read_new(&self, page: &LivePage) -> NewEvents {
        let mut ballot = page.asks.map(|asking| (asking, Ballot::by(self.process)));
        let mut events = Vec::new();
        for (id, json) in page.events() {
            if !self.published.insert(id) {
                if let Some((_, ballot)) = &mut ballot {
                    ballot.heard.push(id);
                }
                continue;
            }
            let event: Event = match serde_json::from_slice(&json) {
                Ok(event) => event,
                Err(error) => {
                    debug!(%error, "a new event that is none");
                    continue;
                }
            };
            match event.kind {
                Kind::DELETION => self.forget_deleted(&event),
                Kind::VANISH => drop(self.disowning.insert(event.pubkey)),
                _ => {}
            }
            events.push((event, json));
        }
        NewEvents { events, ballot }
    }

    fn pass_on(&self, NewEvents { events, mut ballot }: NewEvents) {
        for (event, json) in events {
            let subscriptions = self.listening_for(&event);
            match &mut ballot {
                None => {}
                Some((_, ballot)) if !subscriptions.is_empty() => ballot.heard.push(event.id),
                Some((_, ballot)) => {
                    ballot.missed.push(event.id);
                    // It may come again when somebody listens.
                    self.published.remove(&event.id);
                }
            }
            counter!("relay_live_deliveries_total").increment(subscriptions.len() as u64);
            let mut frame = LastFrame::default();
            for subscription in subscriptions {
                if let Err(TooManyWaiting) = subscription.live(event.id, &json, &mut frame) {
                    self.close_overrun(&subscription);
                }
            }
        }
        if let Some((asking, ballot)) = ballot {
            self.vote(asking, ballot);
        }
    }

    /// Those who want it and may have it.
    fn listening_for(&self, event: &Event) -> Vec<Arc<Subscription>> {
        let is_private = self.private.contains(event.kind);
        // A private message is nobody's but its signer's and its recipients'.
        let may_delegate = self.config.policy.delegation && !is_private;
        let delegator = may_delegate.then(|| event.delegator()).flatten();
        let mut subscriptions = self.live.matching(event, delegator);
        if is_private {
            subscriptions.retain(|subscription| self.may_see(subscription, event));
        }
        subscriptions
    }

    /// Whether a client has proven to be a party of a private message.
    fn may_see(&self, subscription: &Subscription, event: &Event) -> bool {
        let connection = self.connections.get(subscription.line().id());
        connection.is_some_and(|connection| {
            Reader::new(self.private, &connection.client().pubkeys).may_see_event(event)
        })
    }

    fn close_overrun(&self, subscription: &Subscription) {
        let reason = "error: too many new events came while stored ones were read, ask again";
        if let Some(connection) = self.connections.get(subscription.line().id()) {
            self.close_subscription(&connection, subscription, reason);
        }
    }

    fn forget_deleted(&self, deletion: &Event) {
        if deletion.tags.indexed().any(|(letter, _)| letter == b'a') {
            self.disowning.insert(deletion.pubkey);
        }
        let ids = deletion.tags.indexed().filter(|(letter, _)| *letter == b'e');
        for id in ids.filter_map(|(_, id)| id.parse::<EventId>().ok()) {
            self.known.remove(&id);
            self.published.remove(&id);
        }
    }
}
