//! What a client says to a relay.

use std::fmt;

use serde::{
    Deserialize,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

use crate::{
    Event, Filter, InvalidFilter, Prefix, Reason, RelayMessage, SubscriptionId, filter_json::ParsedFilter,
};

/// A message from a client whose shape is right ([NIP-01](https://nips.nostr.com/1)). Elements that follow what the
/// verb needs are ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientMessage {
    /// `["EVENT",<event>]`
    Event(Box<Event>),
    /// `["REQ",<subscription id>,<filter>…]`
    Req(SubscriptionId, Vec<Filter>),
    /// `["COUNT",<query id>,<filter>…]` ([NIP-45](https://nips.nostr.com/45))
    Count(SubscriptionId, Vec<Filter>),
    /// `["CLOSE",<subscription id>]`
    Close(SubscriptionId),
    /// `["AUTH",<signed event>]` ([NIP-42](https://nips.nostr.com/42))
    Auth(Box<Event>),
}

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
    /// `NOTICE`: there was no id to answer to.
    Notice,
}

impl ClientMessage {
    /// Parses one websocket message.
    pub fn parse(text: &str) -> Result<Self, BadMessage> {
        match serde_json::from_str::<Parsed>(text) {
            Ok(Parsed(message)) => message,
            Err(error) => Err(BadMessage::diagnose(text, &error)),
        }
    }
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
            Answer::Notice => RelayMessage::Notice { text: &reason }.to_json(),
        }
    }

    /// Looks a second time, slowly, for whom to answer. Only broken messages pay for this.
    fn diagnose(text: &str, error: &serde_json::Error) -> Self {
        let reason = Reason::new(Prefix::Invalid, error.to_string());
        let Ok(serde_json::Value::Array(parts)) = serde_json::from_str(text) else {
            let text = if error.is_syntax() || error.is_eof() {
                "not JSON"
            } else {
                "not a JSON array"
            };
            return Self {
                answer: Answer::Notice,
                reason: Reason::new(Prefix::Invalid, text),
            };
        };
        let string = |part: Option<&serde_json::Value>| part?.as_str().map(str::to_owned);
        let answer = match parts.first().and_then(|verb| verb.as_str()) {
            Some("EVENT" | "AUTH") => {
                // An id is 64 characters; a longer text is no id and is not sent around.
                string(parts.get(1).and_then(|event| event.get("id")))
                    .filter(|id| id.len() <= 64)
                    .map_or(Answer::Notice, Answer::Ok)
            }
            Some("REQ" | "COUNT") => string(parts.get(1))
                .filter(|id| is_answerable(id))
                .map_or(Answer::Notice, Answer::Closed),
            _ => Answer::Notice,
        };
        Self { answer, reason }
    }
}

/// Too long an id is still repeated in the CLOSED, so that the client finds its subscription, but not without bound.
fn is_answerable(subscription: &str) -> bool {
    subscription.len() <= 4 * 4 * SubscriptionId::MAX_CHARS
}

/// The outcome of a text that is JSON of the right types: a message, or one that breaks a rule with a prefix of its own.
struct Parsed(Result<ClientMessage, BadMessage>);

#[derive(Deserialize)]
enum Verb {
    #[serde(rename = "EVENT")]
    Event,
    #[serde(rename = "REQ")]
    Req,
    #[serde(rename = "COUNT")]
    Count,
    #[serde(rename = "CLOSE")]
    Close,
    #[serde(rename = "AUTH")]
    Auth,
}

impl<'de> Deserialize<'de> for Parsed {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(MessageArray)
    }
}

struct MessageArray;

impl<'de> Visitor<'de> for MessageArray {
    type Value = Parsed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Parsed, A::Error> {
        let message = match element(&mut seq, "a verb")? {
            Verb::Event => Ok(ClientMessage::Event(Box::new(
                element::<EventObject, A>(&mut seq, "an event")?.0,
            ))),
            Verb::Auth => Ok(ClientMessage::Auth(Box::new(
                element::<EventObject, A>(&mut seq, "an event")?.0,
            ))),
            Verb::Close => Ok(ClientMessage::Close(element(&mut seq, "a subscription id")?)),
            Verb::Req => filters(&mut seq)?.map(|(id, filters)| ClientMessage::Req(id, filters)),
            Verb::Count => filters(&mut seq)?.map(|(id, filters)| ClientMessage::Count(id, filters)),
        };
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Parsed(message))
    }
}

/// An event that came as an object: serde alone would also take its fields as an array.
struct EventObject(Event);

impl<'de> Deserialize<'de> for EventObject {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EventFields).map(Self)
    }
}

struct EventFields;

impl<'de> Visitor<'de> for EventFields {
    type Value = Event;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event object")
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Event, A::Error> {
        Event::deserialize(MapAccessDeserializer::new(fields))
    }
}

type Filters = Result<(SubscriptionId, Vec<Filter>), BadMessage>;

fn filters<'de, A: SeqAccess<'de>>(seq: &mut A) -> Result<Filters, A::Error> {
    let id: SubscriptionId = element(seq, "a subscription id")?;
    let mut filters = Vec::new();
    while let Some(filter) = seq.next_element::<ParsedFilter>()? {
        filters.push(filter);
    }
    if filters.is_empty() {
        return Err(A::Error::custom("a filter is missing"));
    }
    let checked: Result<Vec<_>, InvalidFilter> = filters.into_iter().map(ParsedFilter::check).collect();
    Ok(match checked {
        Ok(filters) => Ok((id, filters)),
        Err(invalid) => Err(BadMessage {
            answer: Answer::Closed(id.into()),
            reason: invalid.reason(),
        }),
    })
}

fn element<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(seq: &mut A, what: &str) -> Result<T, A::Error> {
    seq.next_element()?
        .ok_or_else(|| A::Error::custom(format_args!("{what} is missing")))
}
