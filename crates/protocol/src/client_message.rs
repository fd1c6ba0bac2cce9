//! What a client says to a relay.

use std::fmt;

use serde::{
    Deserialize,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

use crate::{
    Answer, BadMessage, Event, Filter, InvalidFilter, NegentropyMessage, Prefix, Reason, SubscriptionId,
    filter_json::ParsedFilter,
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
    /// `["NEG-OPEN",<subscription id>,<filter>,<initial message, hex>]` ([NIP-77](https://nips.nostr.com/77))
    NegOpen(SubscriptionId, Box<Filter>, NegentropyMessage),
    /// `["NEG-MSG",<subscription id>,<message, hex>]`
    NegMsg(SubscriptionId, NegentropyMessage),
    /// `["NEG-CLOSE",<subscription id>]`
    NegClose(SubscriptionId),
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

/// The outcome of a text that is JSON of the right types: a message, or one that breaks a rule with a prefix of its own.
struct Parsed(Result<ClientMessage, BadMessage>);

enum Verb {
    Event,
    Req,
    Count,
    Close,
    Auth,
    NegOpen,
    NegMsg,
    NegClose,
}

/// A derived enum would also take the object `{"EVENT":null}` for the verb.
impl<'de> Deserialize<'de> for Verb {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(VerbText)
    }
}

struct VerbText;

impl Visitor<'_> for VerbText {
    type Value = Verb;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a command as a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Verb, E> {
        Ok(match text {
            "EVENT" => Verb::Event,
            "REQ" => Verb::Req,
            "COUNT" => Verb::Count,
            "CLOSE" => Verb::Close,
            "AUTH" => Verb::Auth,
            "NEG-OPEN" => Verb::NegOpen,
            "NEG-MSG" => Verb::NegMsg,
            "NEG-CLOSE" => Verb::NegClose,
            _ => return Err(E::custom("unknown command")),
        })
    }
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
        let message = match element(&mut seq, "a command")? {
            Verb::Event => Ok(ClientMessage::Event(Box::new(
                element::<EventObject, A>(&mut seq, "an event")?.0,
            ))),
            Verb::Auth => Ok(ClientMessage::Auth(Box::new(
                element::<EventObject, A>(&mut seq, "an event")?.0,
            ))),
            Verb::Close => Ok(ClientMessage::Close(element(&mut seq, "a subscription id")?)),
            Verb::Req => filters(&mut seq)?.map(|(id, filters)| ClientMessage::Req(id, filters)),
            Verb::Count => filters(&mut seq)?.map(|(id, filters)| ClientMessage::Count(id, filters)),
            Verb::NegOpen => neg_open(&mut seq)?,
            Verb::NegMsg => Ok(ClientMessage::NegMsg(
                element(&mut seq, "a subscription id")?,
                element(&mut seq, "a message")?,
            )),
            Verb::NegClose => Ok(ClientMessage::NegClose(element(&mut seq, "a subscription id")?)),
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

/// Filters of one message that are read: each takes a hundred times the memory that `{}` takes in JSON.
const MOST_FILTERS: usize = 1_000;

type Filters = Result<(SubscriptionId, Vec<Filter>), BadMessage>;

fn filters<'de, A: SeqAccess<'de>>(seq: &mut A) -> Result<Filters, A::Error> {
    let id: SubscriptionId = element(seq, "a subscription id")?;
    let mut filters = Vec::new();
    while filters.len() < MOST_FILTERS
        && let Some(filter) = seq.next_element::<ParsedFilter>()?
    {
        filters.push(filter);
    }
    if filters.len() == MOST_FILTERS && seq.next_element::<IgnoredAny>()?.is_some() {
        return Ok(Err(BadMessage {
            answer: Answer::Closed(id.into()),
            reason: Reason::new(Prefix::Invalid, format!("more than {MOST_FILTERS} filters")),
        }));
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

fn neg_open<'de, A: SeqAccess<'de>>(seq: &mut A) -> Result<Result<ClientMessage, BadMessage>, A::Error> {
    let id: SubscriptionId = element(seq, "a subscription id")?;
    let filter: ParsedFilter = element(seq, "a filter")?;
    let message = element(seq, "an initial message")?;
    Ok(match filter.check() {
        Ok(filter) => Ok(ClientMessage::NegOpen(id, Box::new(filter), message)),
        Err(invalid) => Err(BadMessage {
            answer: Answer::NegErr(id.into()),
            reason: invalid.reason(),
        }),
    })
}

fn element<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(seq: &mut A, what: &str) -> Result<T, A::Error> {
    seq.next_element()?
        .ok_or_else(|| A::Error::custom(format_args!("{what} is missing")))
}
