//! A websocket message: it is one, or gets an answer that is one.

use protocol::ClientMessage;
use serde_json::Value;

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match ClientMessage::parse(text) {
        Ok(ClientMessage::Req(id, filters)) => {
            // A job carries them to a worker, which must read what was meant.
            let written = serde_json::to_string(&filters).expect("filters are JSON");
            let message = format!(r#"["REQ",{},{}"#, serde_json::json!(id), &written[1..]);
            assert_eq!(
                ClientMessage::parse(&message),
                Ok(ClientMessage::Req(id, filters)),
                "{message}"
            );
        }
        Ok(ClientMessage::NegOpen(id, filter, said)) => {
            let message = serde_json::json!(["NEG-OPEN", id, filter, said]).to_string();
            assert_eq!(
                ClientMessage::parse(&message),
                Ok(ClientMessage::NegOpen(id, filter, said)),
                "{message}"
            );
        }
        Ok(_) => {}
        Err(bad) => {
            let answer = bad.to_json();
            let parts: Vec<Value> = serde_json::from_str(&answer).expect("an answer is a JSON array");
            assert!(
                matches!(parts[0].as_str(), Some("OK" | "CLOSED" | "NOTICE" | "NEG-ERR")),
                "{answer}"
            );
            let reason = parts.last().and_then(Value::as_str).unwrap_or_default();
            assert!(
                reason.starts_with("invalid: ") || reason.starts_with("unsupported: "),
                "{answer}"
            );
            assert!(answer.len() < 8_000, "an answer of {} bytes", answer.len());
        }
    }
}
