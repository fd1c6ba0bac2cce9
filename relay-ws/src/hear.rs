//! What comes back through pub/sub: answers of our workers, new events, and what plugins and operators have to say.

use std::{
    sync::{Arc, Weak, atomic::Ordering},
    time::Instant,
};

use bytes::Bytes;
use metrics::counter;
use protocol::{Event, EventId, Kind, PublicKey, Reader, RelayMessage, SubscriptionId, VerifiedEvent};
use pubsub::{
    Address, Ballot, Channel, Command, ConnectionId, FoundPage, Incoming, LivePage, Reply, ReplyPage,
    Subscriber,
};
use tracing::{debug, warn};

use crate::{
    connection::Connection,
    gap::Gaps,
    outbox::Close,
    owed::Debt,
    proofs::Proof,
    relay::Relay,
    subscriptions::{LastFrame, Subscription, TooManyWaiting},
};

/// Listens until the relay ends.
pub async fn listen(relay: Weak<Relay>, mut subscriber: Subscriber) {
    let mut gaps = Gaps::default();
    while let Some(incoming) = subscriber.next().await {
        let Some(relay) = relay.upgrade() else { return };
        match incoming {
            Incoming::Message { channel, payload } => relay.hear(&channel, payload, &mut gaps),
            Incoming::Gap => {
                counter!("relay_pubsub_gaps_total").increment(1);
                warn!("messages may have been lost on pub/sub: making up for them");
                relay.copier.forget_echoes();
                relay.doubts.of_all.store(true, Ordering::Relaxed);
                gaps.make_up(&relay);
            }
        }
    }
}

impl Relay {
    fn hear(self: &Arc<Self>, name: &str, payload: Bytes, gaps: &mut Gaps) {
        let Some(channel) = Channel::parse(name) else {
            return;
        };
        match (channel.address, channel.command) {
            (Address::All | Address::Process(_), Command::FoundEvents) => match LivePage::parse(payload) {
                Some(page) => {
                    gaps.saw(page.seq);
                    self.pass_on(&page);
                }
                None => debug!("a page of new events that is none"),
            },
            (Address::Process(_), Command::Replies) => self.answer_all(&payload),
            (Address::All, Command::Levels) => match serde_json::from_slice::<Vec<PublicKey>>(&payload) {
                Ok(pubkeys) => self.levels_changed(&pubkeys),
                Err(error) => debug!(%error, "changes of auth levels that are none"),
            },
            (Address::Process(_), Command::Heard) => match serde_json::from_slice::<Ballot>(&payload) {
                Ok(ballot) => self.answer_told(self.audiences.count(&ballot, Instant::now())),
                Err(error) => debug!(%error, "a ballot that is none"),
            },
            (Address::All, Command::Notice) => {
                let text = String::from_utf8_lossy(&payload);
                self.connections
                    .for_each(|connection| connection.line.relay(&RelayMessage::Notice { text: &text }));
            }
            (Address::Connection(id), Command::FoundEvents) => {
                self.hear_found(id, channel.subscription, payload);
            }
            (Address::Connection(id), _) => {
                if let Some(connection) = self.connections.get(id) {
                    self.hear_for(&connection, name, &channel, payload);
                }
            }
            _ => {}
        }
    }

    /// New events: to every subscription that wants them. One that came lately came twice.
    fn pass_on(&self, page: &LivePage) {
        let mut ballot = page.asks.map(|asking| (asking, Ballot::by(self.process)));
        for (id, json) in page.events() {
            if !self.published.insert(id) {
                if let Some((_, ballot)) = &mut ballot {
                    ballot.heard.push(id);
                }
                continue;
            }
            let text = String::from_utf8_lossy(&json).into_owned();
            let event = match VerifiedEvent::from_canonical(text) {
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
            let mut frame = LastFrame::default();
            let is_private = self.private.contains(event.kind);
            // A private message is nobody's but its signer's and its recipients'.
            let may_delegate = self.config.policy.delegation && !is_private;
            let delegator = may_delegate.then(|| event.delegator()).flatten();
            let mut subscriptions = self.live.matching(&event, delegator);
            if is_private {
                subscriptions.retain(|subscription| self.may_see(subscription, &event));
            }
            match &mut ballot {
                None => {}
                Some((_, ballot)) if !subscriptions.is_empty() => ballot.heard.push(id),
                Some((_, ballot)) => {
                    ballot.missed.push(id);
                    // It may come again when somebody listens.
                    self.published.remove(&id);
                }
            }
            counter!("relay_live_deliveries_total").increment(subscriptions.len() as u64);
            for subscription in subscriptions {
                if let Err(TooManyWaiting) = subscription.live(id, &json, &mut frame) {
                    let reason = "error: too many new events came while stored ones were read, ask again";
                    if let Some(connection) = self.connections.get(subscription.line().id()) {
                        self.close_subscription(
                            &connection,
                            subscription.id.as_str(),
                            subscription.generation,
                            reason,
                        );
                    }
                }
            }
        }
        if let Some((asking, ballot)) = ballot {
            self.vote(asking, ballot);
        }
    }

    /// Whether a client has proven to be a party of a private message.
    fn may_see(&self, subscription: &Subscription, event: &Event) -> bool {
        let connection = self.connections.get(subscription.line().id());
        connection.is_some_and(|connection| {
            Reader::new(self.private, &connection.client().pubkeys).may_see_event(event)
        })
    }

    fn forget_deleted(&self, deletion: &VerifiedEvent) {
        if deletion.tags.indexed().any(|(letter, _)| letter == b'a') {
            self.disowning.insert(deletion.pubkey);
        }
        let ids = deletion.tags.indexed().filter(|(letter, _)| *letter == b'e');
        for id in ids.filter_map(|(_, id)| id.parse::<EventId>().ok()) {
            self.known.remove(&id);
            self.published.remove(&id);
        }
    }

    fn answer_all(self: &Arc<Self>, page: &Bytes) {
        for reply in ReplyPage::parse(page) {
            match reply {
                Ok(Reply::Managed {
                    request,
                    status,
                    body,
                }) => self.calls.answer(request, status, body),
                Ok(reply) => {
                    if let Some(generation) = reply.generation() {
                        self.answered((reply.connection(), generation));
                    }
                    // Who is gone needs no answer.
                    if let Some(connection) = self.connections.get(reply.connection()) {
                        self.answer(&connection, reply);
                    }
                }
                Err(error) => warn!(%error, "a worker answered something unknown"),
            }
        }
    }

    fn answer(self: &Arc<Self>, connection: &Arc<Connection>, reply: Reply) {
        match reply {
            Reply::Ok {
                event,
                accepted,
                message,
                ..
            } => {
                if accepted {
                    self.known.insert(event);
                }
                self.answer_event(connection, event, accepted, &message);
                if !accepted {
                    // The key of an AUTH could not be looked up.
                    self.answer_auth(connection, event, false, &message);
                }
            }
            Reply::PassedOn { event, receivers, .. } => {
                let now = Instant::now();
                self.answer_told(self.audiences.passed_on(connection.id, event, receivers, now));
            }
            Reply::Count {
                subscription,
                generation,
                result,
                ..
            } => {
                if connection.settle(&Debt::Count(subscription.clone(), generation)) > 0 {
                    connection.line.count(&subscription, &result);
                }
            }
            Reply::Closed {
                subscription,
                generation,
                reason,
                ..
            } => {
                if connection.settle(&Debt::Count(subscription.clone(), generation)) > 0 {
                    connection.line.closed(subscription.as_str(), &reason);
                } else {
                    self.close_subscription(connection, subscription.as_str(), generation, &reason);
                }
            }
            Reply::Level { pubkey, level, .. } => {
                if let Some(proof) = connection.proofs.of(&pubkey) {
                    self.level_found(connection, Proof { level, ..proof });
                }
            }
            reconciled @ (Reply::NegMsg { .. } | Reply::NegErr { .. }) => {
                answer_reconciliation(connection, reconciled);
            }
            // Answered above: it is for no connection.
            Reply::Managed { .. } => {}
            Reply::Authorized {
                event, pubkey, level, ..
            } => {
                let proof = Proof { pubkey, event, level };
                self.level_found(connection, proof);
                self.answer_auth(connection, event, true, "");
            }
        }
    }

    /// A page of stored events. The last one makes room for the next question, also when nobody is there to receive it.
    fn hear_found(self: &Arc<Self>, id: ConnectionId, subscription: Option<&str>, payload: Bytes) {
        let Some(page) = FoundPage::parse(payload) else {
            return;
        };
        if page.header.end {
            self.answered((id, page.header.generation));
        }
        let Some(connection) = self.connections.get(id) else {
            return;
        };
        if let Some(subscription) = subscription.and_then(|id| connection.subscription(id)) {
            let now = Instant::now();
            subscription.stored(&page, now);
            if let Some(origin) = connection.origin() {
                origin.share().took(now.elapsed());
            }
        }
    }

    fn hear_for(&self, connection: &Connection, name: &str, channel: &Channel<'_>, payload: Bytes) {
        match (channel.command, channel.subscription) {
            (Command::Terminate, _) => match serde_json::from_slice::<(u16, String)>(&payload) {
                Ok((code, reason)) => connection.line.close(Close { code, reason }),
                Err(error) => debug!(%error, "a TERMINATE that is none"),
            },
            _ if self.copier.is_echo(name, &payload) => {}
            _ => self.hear_from_outside(connection, channel, &payload),
        }
    }

    /// A plugin or an operator speaks to a client.
    fn hear_from_outside(&self, connection: &Connection, channel: &Channel<'_>, payload: &Bytes) {
        let text = String::from_utf8_lossy(payload);
        let subscription = channel.subscription.and_then(|id| SubscriptionId::new(id).ok());
        match (channel.command, subscription) {
            (Command::Notice, _) => connection.line.relay(&RelayMessage::Notice { text: &text }),
            (Command::FoundEvent, Some(id)) => {
                if let (Some(subscription), Some(event)) = (
                    connection.subscription(id.as_str()),
                    EventId::of_canonical(payload),
                ) {
                    subscription.found_event(event, payload);
                }
            }
            (Command::Closed, Some(id)) => {
                if let Some(registered) = connection.unsubscribe(id.as_str()) {
                    self.end(connection.id, &registered);
                    let closed = RelayMessage::Closed {
                        subscription: id.as_str(),
                        reason: &text,
                    };
                    connection.line.relay(&closed);
                }
            }
            _ => debug!(connection = %connection.id, "a message from outside that clients do not get"),
        }
    }
}

/// To a NEG-OPEN or NEG-MSG. What was closed or replaced meanwhile gets nothing.
fn answer_reconciliation(connection: &Connection, reply: Reply) {
    let open = &connection.reconciliations;
    let is_owed = |subscription: &SubscriptionId, generation| {
        connection.settle(&Debt::Negentropy(subscription.clone(), generation)) > 0
    };
    match reply {
        Reply::NegMsg {
            subscription,
            generation,
            message,
            ..
        } if is_owed(&subscription, generation) && open.answered(&subscription, generation) => {
            connection.line.neg_msg(&subscription, message.as_hex());
        }
        Reply::NegErr {
            subscription,
            generation,
            reason,
            most,
            ..
        } if is_owed(&subscription, generation) && open.end_generation(&subscription, generation) => {
            connection.line.neg_err(subscription.as_str(), &reason, most);
        }
        _ => {}
    }
}
