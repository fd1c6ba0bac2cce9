//! Answers from workers to the connections of one relay-ws process, many in one message.

use bytes::Bytes;
use protocol::{AuthLevel, EventId, NegentropyMessage, PublicKey, SubscriptionId};
use serde::{Deserialize, Serialize};

use crate::ConnectionId;

/// One answer: a line of JSON on `events:<process>:_:REPLIES`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// To an EVENT.
    Ok {
        /// Who sent it.
        connection: ConnectionId,
        /// Which event.
        event: EventId,
        /// Whether it was taken.
        accepted: bool,
        /// Empty, or a reason with its prefix.
        message: String,
    },
    /// To an EVENT that is ephemeral: whether anybody listened each relay-ws process says itself.
    PassedOn {
        /// Who sent it.
        connection: ConnectionId,
        /// Which event.
        event: EventId,
        /// How many received it.
        receivers: u64,
    },
    /// To a COUNT.
    Count {
        /// Who asked.
        connection: ConnectionId,
        /// Under which name.
        subscription: SubscriptionId,
        /// Which of the queries of that name.
        generation: u64,
        /// The NIP-45 object as JSON text.
        result: String,
    },
    /// To a REQ or COUNT that is not served.
    Closed {
        /// Who asked.
        connection: ConnectionId,
        /// Under which name.
        subscription: SubscriptionId,
        /// Which of the subscriptions of that name.
        generation: u64,
        /// A reason with its prefix.
        reason: String,
    },
    /// A member came or went: what its connection may do from now on.
    Level {
        /// Who joined or left.
        connection: ConnectionId,
        /// The request.
        event: EventId,
        /// The key, which has been proven by an AUTH before.
        pubkey: PublicKey,
        /// The highest level of all its keys.
        level: AuthLevel,
    },
    /// To a call of the management API ([NIP-86](https://nips.nostr.com/86)).
    Managed {
        /// The HTTP request: an id that no connection has.
        request: ConnectionId,
        /// HTTP status.
        status: u16,
        /// `{"result":…}` or `{"error":"…"}`
        body: String,
    },
    /// To a NEG-OPEN or NEG-MSG.
    NegMsg {
        /// Who asked.
        connection: ConnectionId,
        /// Under which name.
        subscription: SubscriptionId,
        /// Which of the reconciliations of that name.
        generation: u64,
        /// What we say.
        message: NegentropyMessage,
    },
    /// To a NEG-OPEN or NEG-MSG that is not served.
    NegErr {
        /// Who asked.
        connection: ConnectionId,
        /// Under which name.
        subscription: SubscriptionId,
        /// Which of the reconciliations of that name.
        generation: u64,
        /// A reason with its prefix.
        reason: String,
        /// Records of one reconciliation at most, if there were more.
        most: Option<u64>,
    },
    /// To an AUTH.
    Authorized {
        /// Who proved a key.
        connection: ConnectionId,
        /// The kind 22242 event.
        event: EventId,
        /// The key.
        pubkey: PublicKey,
        /// What the key is allowed.
        level: AuthLevel,
    },
}

impl Reply {
    /// Which question of its connection it answers; none where that has no number.
    pub fn generation(&self) -> Option<u64> {
        match self {
            Self::Count { generation, .. }
            | Self::Closed { generation, .. }
            | Self::NegMsg { generation, .. }
            | Self::NegErr { generation, .. } => Some(*generation),
            Self::Ok { .. }
            | Self::PassedOn { .. }
            | Self::Level { .. }
            | Self::Managed { .. }
            | Self::Authorized { .. } => None,
        }
    }

    /// Whom it is for.
    pub fn connection(&self) -> ConnectionId {
        match self {
            Self::Ok { connection, .. }
            | Self::PassedOn { connection, .. }
            | Self::Count { connection, .. }
            | Self::Closed { connection, .. }
            | Self::Level { connection, .. }
            | Self::NegMsg { connection, .. }
            | Self::NegErr { connection, .. }
            | Self::Authorized { connection, .. }
            | Self::Managed {
                request: connection, ..
            } => *connection,
        }
    }
}

/// Answers in one message.
#[derive(Debug, Default)]
pub struct ReplyPage(String);

impl ReplyPage {
    /// Appends an answer.
    pub fn push(&mut self, reply: &Reply) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        // Texts and numbers always have a JSON form.
        self.0.push_str(&serde_json::to_string(reply).unwrap_or_default());
    }

    /// The message.
    pub fn finish(self) -> String {
        self.0
    }

    /// The answers of a message; a line that is none is an error on its own.
    pub fn parse(message: &Bytes) -> impl Iterator<Item = Result<Reply, serde_json::Error>> {
        message.split(|byte| *byte == b'\n').map(serde_json::from_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ProcessId;

    #[test]
    fn answers_return() {
        let connection = ConnectionId::random(ProcessId::random());
        let replies = [
            Reply::Ok {
                connection,
                event: EventId::from_bytes([1; 32]),
                accepted: false,
                message: "error: a\nb".to_owned(),
            },
            Reply::Closed {
                connection,
                subscription: SubscriptionId::new("a:\n").unwrap(),
                generation: 2,
                reason: "error: x".to_owned(),
            },
        ];
        let mut page = ReplyPage::default();
        replies.iter().for_each(|reply| page.push(reply));
        let message = Bytes::from(page.finish());
        let read: Vec<_> = ReplyPage::parse(&message).map(Result::unwrap).collect();
        assert_eq!(read, replies);
    }
}
