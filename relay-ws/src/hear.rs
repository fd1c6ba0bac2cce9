//! What comes back through pub/sub: answers of our workers, new events, and what plugins and operators have to say.

use std::{
    sync::{Arc, Weak, atomic::Ordering},
    time::Instant,
};

use ahash::AHashSet;
use bytes::Bytes;
use metrics::counter;
use protocol::{EventId, PublicKey, RelayMessage, SubscriptionId};
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
    pass_on::{self, NewEvents},
    proofs::Proof,
    relay::Relay,
};

/// Listens until the relay ends.
pub async fn listen(relay: Weak<Relay>, mut subscriber: Subscriber) {
    let passing = pass_on::start(relay.clone());
    let mut gaps = Gaps::default();
    while let Some(incoming) = subscriber.next().await {
        let Some(relay) = relay.upgrade() else { return };
        match incoming {
            Incoming::Message { channel, payload } => {
                if let Some(events) = relay.hear(&channel, payload, &mut gaps)
                    && passing.send(events).await.is_err()
                {
                    return;
                }
            }
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
    /// Does what a message says; new events are for others to pass on.
    fn hear(self: &Arc<Self>, name: &str, payload: Bytes, gaps: &mut Gaps) -> Option<NewEvents> {
        let channel = Channel::parse(name)?;
        match (channel.address, channel.command) {
            (address @ (Address::All | Address::Process(_)), Command::FoundEvents) => {
                let Some(page) = LivePage::parse(payload) else {
                    debug!("a page of new events that is none");
                    return None;
                };
                gaps.saw(page.seq);
                let new = self.read_new(&page);
                // For this process alone: it is what was asked for after a gap.
                if matches!(address, Address::Process(_)) {
                    self.answer_stored(&page);
                }
                return Some(new);
            }
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
        None
    }

    /// What is made up for is stored, and its OK may have been lost together with it: whoever waits for one gets it now, not an
    /// `error:` at the deadline.
    fn answer_stored(&self, page: &LivePage) {
        let stored: AHashSet<EventId> = page.events().map(|(id, _)| id).collect();
        self.connections.for_each(|connection| {
            for event in connection.owed_events(&stored) {
                self.known.insert(event);
                self.answer_event(connection, event, true, "");
            }
        });
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
                } else if let Some(subscription) = connection.subscription(subscription.as_str())
                    && subscription.generation() == generation
                {
                    self.close_subscription(connection, &subscription, &reason);
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
