//! What a relay says to a client.

use std::fmt::Write;

use crate::{EventId, Reason, SubscriptionId};

/// A message to a client ([NIP-01](https://nips.nostr.com/1)). Stored and live events are framed by [`event_frame`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelayMessage<'a> {
    /// `["OK",<event id>,<accepted>,<message>]`. The id is as the client wrote it.
    Ok {
        /// Hex of the event's id.
        event: &'a str,
        /// Whether the relay took it.
        accepted: bool,
        /// Empty, or a reason with its prefix.
        message: &'a str,
    },
    /// `["EOSE",<subscription id>]` or, with [NIP-67](https://nips.nostr.com/67), `["EOSE",<subscription id>,["finish"]]`.
    Eose {
        /// Which subscription.
        subscription: &'a SubscriptionId,
        /// Whether everything has been sent.
        hint: Option<Hint>,
    },
    /// `["CLOSED",<subscription id>,<reason>]`. The id is as the client wrote it.
    Closed {
        /// Which subscription.
        subscription: &'a str,
        /// Reason with its prefix.
        reason: &'a str,
    },
    /// `["COUNT",<subscription id>,{"count":…}]` ([NIP-45](https://nips.nostr.com/45)).
    Count {
        /// Which query.
        subscription: &'a SubscriptionId,
        /// The JSON object.
        result: &'a str,
    },
    /// `["NEG-MSG",<subscription id>,<message, hex>]` ([NIP-77](https://nips.nostr.com/77)).
    NegMsg {
        /// Which reconciliation.
        subscription: &'a SubscriptionId,
        /// Hex.
        message: &'a str,
    },
    /// `["NEG-ERR",<subscription id>,<reason>]`, with the number of records that would be too many, if it is about that.
    NegErr {
        /// Which reconciliation. The id is as the client wrote it.
        subscription: &'a str,
        /// Reason with its prefix.
        reason: &'a str,
        /// Records of one reconciliation at most.
        most: Option<u64>,
    },
    /// `["AUTH",<challenge>]` ([NIP-42](https://nips.nostr.com/42)).
    Auth {
        /// What the client has to sign.
        challenge: &'a str,
    },
    /// `["NOTICE",<text>]`.
    Notice {
        /// For people.
        text: &'a str,
    },
}

/// Whether the stored events of an EOSE are all there are ([NIP-67](https://nips.nostr.com/67)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hint {
    /// Every matching stored event was sent.
    Finish,
    /// There are more.
    More,
}

impl Hint {
    /// The hint array of the EOSE.
    pub const fn as_json(self) -> &'static str {
        match self {
            Self::Finish => r#"["finish"]"#,
            Self::More => r#"["more"]"#,
        }
    }
}

impl RelayMessage<'_> {
    /// The text of the websocket message.
    pub fn to_json(&self) -> String {
        let mut out = String::with_capacity(128);
        match self {
            Self::Ok {
                event,
                accepted,
                message,
            } => {
                let _ = write!(out, r#"["OK",{},{accepted},{}]"#, quoted(event), quoted(message));
            }
            Self::Eose { subscription, hint } => {
                let _ = write!(out, r#"["EOSE",{}"#, quoted(subscription.as_str()));
                if let Some(hint) = hint {
                    out.push(',');
                    out.push_str(hint.as_json());
                }
                out.push(']');
            }
            Self::Closed { subscription, reason } => {
                let _ = write!(out, r#"["CLOSED",{},{}]"#, quoted(subscription), quoted(reason));
            }
            Self::Count { subscription, result } => {
                let _ = write!(out, r#"["COUNT",{},{result}]"#, quoted(subscription.as_str()));
            }
            Self::NegMsg {
                subscription,
                message,
            } => {
                let _ = write!(
                    out,
                    r#"["NEG-MSG",{},"{message}"]"#,
                    quoted(subscription.as_str())
                );
            }
            Self::NegErr {
                subscription,
                reason,
                most,
            } => {
                let _ = write!(out, r#"["NEG-ERR",{},{}"#, quoted(subscription), quoted(reason));
                if let Some(most) = most {
                    let _ = write!(out, ",{most}");
                }
                out.push(']');
            }
            Self::Auth { challenge } => {
                let _ = write!(out, r#"["AUTH",{}]"#, quoted(challenge));
            }
            Self::Notice { text } => {
                let _ = write!(out, r#"["NOTICE",{}]"#, quoted(text));
            }
        }
        out
    }

    /// An OK that refuses, with its reason.
    pub fn refused(event: EventId, reason: &Reason) -> String {
        RelayMessage::Ok {
            event: &event.to_string(),
            accepted: false,
            message: &reason.to_string(),
        }
        .to_json()
    }
}

/// `["EVENT",<subscription id>,<event>]` around the canonical JSON of an event, which is copied as it is.
pub fn event_frame(subscription: &SubscriptionId, event: &[u8]) -> Vec<u8> {
    let id = quoted(subscription.as_str());
    let mut out = Vec::with_capacity(12 + id.len() + event.len());
    out.extend_from_slice(b"[\"EVENT\",");
    out.extend_from_slice(id.as_bytes());
    out.push(b',');
    out.extend_from_slice(event);
    out.push(b']');
    out
}

fn quoted(text: &str) -> String {
    // A string always has a JSON form.
    serde_json::to_string(text).unwrap_or_default()
}
