//! The two lines: `{"type":"new","event":{…},"receivedAt":…,"sourceType":"IP4","sourceInfo":"192.0.2.1"}` and
//! `{"id":"<event id>","action":"accept"}`, as strfry has them.

use std::net::IpAddr;

use protocol::{EventId, PublicKey};
use serde::Deserialize;

/// Characters of a plugin's message that clients get.
const MESSAGE: usize = 1000;

/// Where an event came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source<'a> {
    /// A client at an address, and the first key that it has proven.
    Client {
        /// `None` when the relay-ws process that took the event in knows of no plugin.
        address: Option<IpAddr>,
        /// NIP-42.
        authed: Option<&'a PublicKey>,
    },
    /// A job of `nostr:import`.
    Import,
}

/// What a plugin says of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Welcome.
    Accept,
    /// Refused, with a reason that has its prefix.
    Reject(String),
    /// The client is told that it was accepted, and nothing is done with it.
    ShadowReject,
}

impl Verdict {
    /// As it is counted.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Reject(_) => "reject",
            Self::ShadowReject => "shadowReject",
        }
    }
}

/// Why a line is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum InvalidAnswer {
    #[error("not the JSON of an answer")]
    Json(#[from] serde_json::Error),
    #[error("no event id")]
    Id,
}

#[derive(Deserialize)]
struct Answer {
    id: String,
    action: String,
    #[serde(default)]
    msg: Option<String>,
}

/// The line about an event, with its line break. `json` is the event as it lies.
pub(super) fn question(json: &str, source: &Source<'_>, received_at: u64) -> String {
    let (kind, info, authed) = match source {
        Source::Client { address, authed } => {
            let address = address.map(|address| address.to_canonical());
            let kind = if address.is_some_and(|address| address.is_ipv6()) {
                "IP6"
            } else {
                "IP4"
            };
            (kind, address.map(|address| address.to_string()), *authed)
        }
        Source::Import => ("Import", None, None),
    };
    let info = info.unwrap_or_default();
    let authed = authed.map_or_else(String::new, |key| format!(r#","authed":"{key}""#));
    format!(
        "{{\"type\":\"new\",\"event\":{json},\"receivedAt\":{received_at},\
         \"sourceType\":\"{kind}\",\"sourceInfo\":\"{info}\"{authed}}}\n"
    )
}

/// What a line says, and of which event. `None` for an action that nobody knows.
pub(super) fn answer(line: &[u8]) -> Result<(EventId, Option<Verdict>), InvalidAnswer> {
    let answer: Answer = serde_json::from_slice(line)?;
    let id = answer.id.parse().map_err(|_| InvalidAnswer::Id)?;
    let verdict = match answer.action.as_str() {
        "accept" => Some(Verdict::Accept),
        "reject" => Some(Verdict::Reject(reason(answer.msg.as_deref().unwrap_or_default()))),
        "shadowReject" => Some(Verdict::ShadowReject),
        _ => None,
    };
    Ok((id, verdict))
}

/// NIP-01 wants a single word and a colon before the text.
fn reason(message: &str) -> String {
    let message: String = message.chars().take(MESSAGE).collect();
    let has_prefix = message.split_once(':').is_some_and(|(word, _)| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    });
    match message.as_str() {
        "" => "blocked: this event is not welcome here".to_owned(),
        _ if has_prefix => message,
        text => format!("blocked: {text}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_question_is_what_strfry_asks() {
        let event = testkit::note("a\nb").verified();
        let key = PublicKey::from_bytes([7; 32]);
        let asked = |address: Option<&str>, authed| {
            let address = address.map(|address| address.parse().unwrap());
            let line = question(event.json(), &Source::Client { address, authed }, 5);
            assert_eq!(line.matches('\n').count(), 1);
            serde_json::from_str::<Value>(&line).unwrap()
        };
        let event: Value = serde_json::from_str(event.json()).unwrap();
        assert_eq!(
            asked(Some("192.0.2.1"), None),
            json!({"type": "new", "event": event, "receivedAt": 5, "sourceType": "IP4", "sourceInfo": "192.0.2.1"})
        );
        assert_eq!(asked(Some("::ffff:192.0.2.1"), None)["sourceInfo"], "192.0.2.1");
        let v6 = asked(Some("2001:db8::1"), Some(&key));
        assert_eq!(
            (&v6["sourceType"], &v6["sourceInfo"]),
            (&json!("IP6"), &json!("2001:db8::1"))
        );
        assert_eq!(v6["authed"], "07".repeat(32));
        assert_eq!(asked(None, None)["sourceInfo"], "");
    }

    #[test]
    fn answers() {
        let id = EventId::from_bytes([7; 32]);
        let said = |rest: &str| answer(format!(r#"{{"id":"{id}",{rest}}}"#).as_bytes()).unwrap();
        let rejected = |text: &str| (id, Some(Verdict::Reject(text.to_owned())));
        assert_eq!(said(r#""action":"accept""#), (id, Some(Verdict::Accept)));
        assert_eq!(
            said(r#""action":"shadowReject","msg":"","more":1"#),
            (id, Some(Verdict::ShadowReject))
        );
        assert_eq!(
            said(r#""action":"reject","msg":"rate-limited: slow down""#),
            rejected("rate-limited: slow down")
        );
        assert_eq!(
            said(r#""action":"reject","msg":"No: really""#),
            rejected("blocked: No: really")
        );
        for silent in [
            r#""action":"reject""#,
            r#""action":"reject","msg":"""#,
            r#""action":"reject","msg":null"#,
        ] {
            assert_eq!(said(silent), rejected("blocked: this event is not welcome here"));
        }
        assert_eq!(said(r#""action":"perhaps""#), (id, None));
        for line in [
            "",
            "hello",
            "{}",
            r#"{"id":"x","action":"accept"}"#,
            r#"{"id":7,"action":"accept"}"#,
        ] {
            assert!(answer(line.as_bytes()).is_err(), "{line}");
        }
    }
}
