//! Whatever comes, parsing ends with a message or with an answer that is a message itself.

use proptest::{collection::vec, prelude::*, sample::Index};
use protocol::{ClientMessage, NegentropyMessage, VerifiedEvent};
use serde_json::Value;

use crate::arbitrary;

/// A valid message of each kind.
fn message() -> impl Strategy<Value = String> {
    let event = || {
        arbitrary::event().prop_map(|event| VerifiedEvent::verify(event).expect("it is signed").into_json())
    };
    let filters = || {
        vec(arbitrary::filter(), 1..3).prop_map(|filters| {
            let list = serde_json::to_string(&filters).expect("filters are JSON");
            list[1..list.len() - 1].to_owned()
        })
    };
    prop_oneof![
        event().prop_map(|event| format!(r#"["EVENT",{event}]"#)),
        event().prop_map(|event| format!(r#"["AUTH",{event}]"#)),
        filters().prop_map(|filters| format!(r#"["REQ","sub",{filters}]"#)),
        filters().prop_map(|filters| format!(r#"["COUNT","sub",{filters}]"#)),
        Just(r#"["CLOSE","sub"]"#.to_owned()),
        (arbitrary::filter(), negentropy()).prop_map(|(filter, message)| {
            let filter = serde_json::to_string(&filter).expect("a filter is JSON");
            format!(r#"["NEG-OPEN","sub",{filter},"{message}"]"#)
        }),
        negentropy().prop_map(|message| format!(r#"["NEG-MSG","sub","{message}"]"#)),
        Just(r#"["NEG-CLOSE","sub"]"#.to_owned()),
    ]
}

/// Bytes in hex.
fn negentropy() -> impl Strategy<Value = String> {
    vec(any::<u8>(), 1..40).prop_map(|bytes| NegentropyMessage::from_bytes(&bytes).as_hex().to_owned())
}

/// One change: a piece taken out, doubled, or replaced by something with a meaning in JSON.
fn change() -> impl Strategy<Value = (Index, usize, String)> {
    let piece = prop_oneof![
        Just(String::new()),
        prop::sample::select(vec![
            "[",
            "]",
            "{",
            "}",
            "\"",
            ",",
            ":",
            "null",
            "true",
            "-1",
            "1e400",
            "0.5",
            "\\",
            "\\ud800",
            "\\u0000",
            "99999999999999999999",
            "\"EVENT\"",
            "\"NEG-OPEN\"",
            "\"NEG-MSG\"",
            "\"id\":",
            "[[[[",
            "#e",
            "\u{0}",
            "é",
        ])
        .prop_map(str::to_owned),
        arbitrary::text(),
    ];
    (any::<Index>(), 0..12_usize, piece)
}

fn changed(message: &str, changes: &[(Index, usize, String)]) -> String {
    let mut chars: Vec<char> = message.chars().collect();
    for (at, length, piece) in changes {
        let from = at.index(chars.len() + 1);
        let to = (from + length).min(chars.len());
        chars.splice(from..to, piece.chars());
    }
    chars.into_iter().collect()
}

fn answers_well(text: &str) -> Result<(), TestCaseError> {
    let Err(bad) = ClientMessage::parse(text) else {
        return Ok(());
    };
    let answer = bad.to_json();
    let frame: Vec<Value> = serde_json::from_str(&answer).expect("an answer is a JSON array");
    prop_assert!(
        matches!(frame[0].as_str(), Some("OK" | "CLOSED" | "NOTICE" | "NEG-ERR")),
        "{}",
        answer
    );
    let told = frame.last().and_then(Value::as_str).unwrap_or_default();
    prop_assert!(
        told.starts_with("invalid: ") || told.starts_with("unsupported: "),
        "{}",
        answer
    );
    // A subscription id of 1 kB, each byte of it escaped, and the reason.
    prop_assert!(answer.len() < 8_000, "{} bytes", answer.len());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_text_gets_an_answer(text in prop_oneof![arbitrary::text(), any::<String>()]) {
        answers_well(&text)?;
    }

    #[test]
    fn a_valid_message_is_one(message in message()) {
        prop_assert!(ClientMessage::parse(&message).is_ok(), "{}", message);
    }

    #[test]
    fn a_changed_message_gets_an_answer(message in message(), changes in vec(change(), 1..4)) {
        answers_well(&changed(&message, &changes))?;
    }
}
