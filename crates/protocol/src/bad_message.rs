//! Messages that break the protocol, and whom to tell.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{Prefix, Reason, RelayMessage, SubscriptionId};

/// A message that is none, with the answer that it deserves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadMessage {
    /// How to address the answer.
    pub answer: Answer,
    /// What was wrong.
    pub reason: Reason,
}

/// Which message tells a client of its fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// `OK` with the id that the broken event claims.
    Ok(String),
    /// `CLOSED` with the subscription id of the broken REQ or COUNT.
    Closed(String),
    /// `NEG-ERR` with the subscription id of the broken NEG-OPEN or NEG-MSG.
    NegErr(String),
    /// `NOTICE`: there was no id to answer to.
    Notice,
}

impl BadMessage {
    /// The text of the websocket message that answers it.
    pub fn to_json(&self) -> String {
        let reason = self.reason.to_string();
        match &self.answer {
            Answer::Ok(event) => RelayMessage::Ok {
                event,
                accepted: false,
                message: &reason,
            }
            .to_json(),
            Answer::Closed(subscription) => RelayMessage::Closed {
                subscription,
                reason: &reason,
            }
            .to_json(),
            Answer::NegErr(subscription) => RelayMessage::NegErr {
                subscription,
                reason: &reason,
                most: None,
            }
            .to_json(),
            Answer::Notice => RelayMessage::Notice { text: &reason }.to_json(),
        }
    }

    /// Looks a second time for whom to answer. Only broken messages pay for this.
    ///
    /// The parts stay raw: a number out of range or a nesting too deep for values does not hide the id beside it.
    pub(crate) fn diagnose(text: &str, error: &serde_json::Error) -> Self {
        let (answer, fault) = match serde_json::from_str::<Vec<&RawValue>>(text) {
            Ok(parts) => (Answer::to(&parts), error.to_string()),
            Err(shape) if shape.is_data() => (Answer::Notice, "not a JSON array".to_owned()),
            Err(syntax) => (Answer::Notice, format!("not JSON: {syntax}")),
        };
        Self {
            answer,
            reason: Reason::new(Prefix::Invalid, shortened(fault)),
        }
    }
}

impl Answer {
    fn to(parts: &[&RawValue]) -> Self {
        let verb = parts.first().and_then(|part| string(part));
        let (Some(verb), Some(second)) = (verb, parts.get(1)) else {
            return Self::Notice;
        };
        match verb.as_str() {
            "EVENT" | "AUTH" => claimed_id(second).map_or(Self::Notice, Self::Ok),
            "REQ" | "COUNT" => string(second)
                .filter(|id| is_answerable(id))
                .map_or(Self::Notice, Self::Closed),
            "NEG-OPEN" | "NEG-MSG" => string(second)
                .filter(|id| is_answerable(id))
                .map_or(Self::Notice, Self::NegErr),
            _ => Self::Notice,
        }
    }
}

/// The id of a broken event, as its author wrote it.
fn claimed_id(event: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Claimed<'a> {
        #[serde(borrow)]
        id: &'a RawValue,
    }
    let Claimed { id } = serde_json::from_str(event.get()).ok()?;
    // An id is 64 characters; a longer text is no id and is not sent around.
    string(id).filter(|id| id.len() <= 64)
}

fn string(part: &RawValue) -> Option<String> {
    serde_json::from_str(part.get()).ok()
}

/// Too long an id is still repeated in the CLOSED, so that the client finds its subscription, but not without bound.
fn is_answerable(subscription: &str) -> bool {
    subscription.len() <= 4 * 4 * SubscriptionId::MAX_CHARS
}

/// Parse errors quote what they stumbled over, however long it is.
fn shortened(mut fault: String) -> String {
    const MAX: usize = 200;
    if let Some((end, _)) = fault.char_indices().nth(MAX) {
        fault.truncate(end);
        fault.push('…');
    }
    fault
}
