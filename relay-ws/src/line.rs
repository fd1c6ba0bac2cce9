//! The line to one client: everything that is said to it goes through here, so that plugins hear the same.

use std::{fmt::Display, sync::Arc};

use bytes::Bytes;
use protocol::{Hint, RelayMessage, SubscriptionId};
use pubsub::{Command, ConnectionId};

use crate::{
    copies::Copier,
    origins::Origin,
    outbox::{Close, Outbox, OutboxLimits},
};

/// One client's outbox, with its name, and with the copies for plugins.
#[derive(Debug)]
pub struct Line {
    id: ConnectionId,
    outbox: Outbox,
    copier: Arc<Copier>,
}

impl Line {
    /// Of nobody in particular, and heard by no plugin: for tests.
    #[cfg(test)]
    pub fn unheard(limits: OutboxLimits) -> Arc<Self> {
        use pubsub::{Copies, Listeners, ProcessId};

        let copier = Arc::new(Copier::new(Listeners::new(Copies::Never)).0);
        let id = ConnectionId::random(ProcessId::random());
        Arc::new(Self::new(id, limits, None, copier))
    }

    /// A line to a new connection.
    pub fn new(
        id: ConnectionId,
        limits: OutboxLimits,
        origin: Option<Arc<Origin>>,
        copier: Arc<Copier>,
    ) -> Self {
        Self {
            id,
            outbox: Outbox::new(limits, origin),
            copier,
        }
    }

    /// Whose line.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// What waits for the socket.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// An EVENT: `frame` is the whole message, `event` the event in it.
    pub fn event(&self, subscription: &SubscriptionId, event: &Bytes, frame: Bytes) {
        self.outbox.push(frame);
        self.copy(Some(subscription.as_str()), Command::FoundEvent, || event.clone());
    }

    /// EOSE, with what NIP-67 lets us say.
    pub fn eose(&self, subscription: &SubscriptionId, hint: Option<Hint>) {
        self.say(&RelayMessage::Eose { subscription, hint });
        self.copy(Some(subscription.as_str()), Command::FoundEnd, || {
            Bytes::from_static(hint.map_or("", Hint::as_json).as_bytes())
        });
    }

    /// OK to an EVENT or AUTH. Of a broken event the id is as the client wrote it.
    pub fn ok(&self, event: &impl Display, accepted: bool, message: &str) {
        let frame = RelayMessage::Ok {
            event: &event.to_string(),
            accepted,
            message,
        }
        .to_json();
        let frame = Bytes::from(frame);
        self.outbox.push(frame.clone());
        self.copy(None, Command::Ok, || frame);
    }

    /// CLOSED to a REQ or COUNT.
    pub fn closed(&self, subscription: &str, reason: &str) {
        self.say(&RelayMessage::Closed { subscription, reason });
        self.copy(Some(subscription), Command::Closed, || reason.to_owned().into());
    }

    /// COUNT, with the NIP-45 object.
    pub fn count(&self, subscription: &SubscriptionId, result: &str) {
        self.say(&RelayMessage::Count { subscription, result });
        self.copy(Some(subscription.as_str()), Command::Count, || {
            result.to_owned().into()
        });
    }

    /// NEG-MSG. Plugins do not hear of reconciliations.
    pub fn neg_msg(&self, subscription: &SubscriptionId, message: &str) {
        self.say(&RelayMessage::NegMsg {
            subscription,
            message,
        });
    }

    /// NEG-ERR: the reconciliation is over.
    pub fn neg_err(&self, subscription: &str, reason: &str, most: Option<u64>) {
        self.say(&RelayMessage::NegErr {
            subscription,
            reason,
            most,
        });
    }

    /// NOTICE.
    pub fn notice(&self, text: &str) {
        self.say(&RelayMessage::Notice { text });
        self.copy(None, Command::Notice, || text.to_owned().into());
    }

    /// The NIP-42 challenge. Plugins do not hear of it.
    pub fn challenge(&self) {
        self.say(&RelayMessage::Auth {
            challenge: self.id.as_str(),
        });
    }

    /// What a plugin said on this line's channels: it is not copied back to the plugins.
    pub fn relay(&self, message: &RelayMessage<'_>) {
        self.say(message);
    }

    /// Ends the connection after what waits already.
    pub fn close(&self, close: Close) {
        self.outbox.close(close);
    }

    fn say(&self, message: &RelayMessage<'_>) {
        self.outbox.push(message.to_json().into());
    }

    fn copy(&self, subscription: Option<&str>, command: Command, payload: impl FnOnce() -> Bytes) {
        self.copier.copy(self.id, subscription, command, payload);
    }
}
