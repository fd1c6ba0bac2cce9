//! What a client that breaks the protocol is told: which message, addressed to what, with which prefix.

use protocol::{Answer, BadMessage, ClientMessage, Prefix};

const ID: &str = "cb8feca582979d91fe90455867b34dbf4d65e4b86e86b3c68c368ca9f9eef6f2";
const PUBKEY: &str = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
const SIG: &str = "fa163f5cfb75d77d9b6269011872ee22b34fb48d23251e9879bb1e4ccbdd8aaaf4b6dc5f5084a65ef42c52fbcde8f3178bac3ba207de827ec513a6aa39fa684c";

/// `["EVENT",…]` with one field replaced by another JSON, or left out where there is none.
fn event_with(field: &str, json: &str) -> String {
    let fields = [
        ("id", format!("\"{ID}\"")),
        ("pubkey", format!("\"{PUBKEY}\"")),
        ("created_at", "1707409439".to_owned()),
        ("kind", "1".to_owned()),
        ("tags", r#"[["-"]]"#.to_owned()),
        ("content", r#""hello""#.to_owned()),
        ("sig", format!("\"{SIG}\"")),
    ];
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| (*name, if *name == field { json } else { value }))
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    format!(r#"["EVENT",{{{}}}]"#, fields.join(","))
}

#[track_caller]
fn refused(text: &str) -> BadMessage {
    let bad = ClientMessage::parse(text).expect_err(text);
    let frame: serde_json::Value = serde_json::from_str(&bad.to_json()).expect(text);
    let verb = match &bad.answer {
        Answer::Ok(id) => {
            assert_eq!(frame[1], id.as_str());
            assert_eq!(frame[2], false);
            "OK"
        }
        Answer::Closed(subscription) => {
            assert_eq!(frame[1], subscription.as_str());
            "CLOSED"
        }
        Answer::NegErr(subscription) => {
            assert_eq!(frame[1], subscription.as_str());
            "NEG-ERR"
        }
        Answer::Notice => "NOTICE",
    };
    assert_eq!(frame[0], verb);
    let told = frame
        .as_array()
        .and_then(|parts| parts.last())
        .and_then(|last| last.as_str());
    assert!(
        told.is_some_and(|told| told.starts_with(bad.reason.prefix.as_str())),
        "{frame}"
    );
    bad
}

#[track_caller]
fn assert_refused(text: &str, answer: &Answer, prefix: Prefix) {
    let bad = refused(text);
    let shown: String = text.chars().take(120).collect();
    assert_eq!(
        (&bad.answer, bad.reason.prefix),
        (answer, prefix),
        "{shown} → {}",
        bad.reason
    );
}

#[test]
fn the_untouched_event_is_one() {
    assert!(ClientMessage::parse(&event_with("", "")).is_ok());
}

#[test]
fn what_names_nobody_is_answered_by_a_notice() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    for text in [
        "",
        " ",
        "hello",
        "[",
        r#"["EVENT""#,
        r#"["REQ","x",{}"#,
        r#"["REQ","x",{}] tail"#,
        r#"["REQ","x",{},]"#,
        "\u{feff}[\"CLOSE\",\"x\"]",
        "{}",
        "null",
        "1",
        "1e999",
        r#""EVENT""#,
        "[]",
        "[1]",
        "[null]",
        r#"["HELLO"]"#,
        r#"["event",{}]"#,
        r#"[{"EVENT":null},{}]"#,
        r#"[["REQ"],"x",{}]"#,
        r#"["EVENT"]"#,
        r#"["EVENT",1]"#,
        r#"["EVENT",[]]"#,
        r#"["EVENT",{}]"#,
        r#"["EVENT",{"id":1}]"#,
        r#"["AUTH","challenge"]"#,
        r#"["REQ"]"#,
        r#"["REQ",1,{}]"#,
        r#"["REQ",null,{}]"#,
        r#"["COUNT"]"#,
        r#"["CLOSE"]"#,
        r#"["CLOSE",1]"#,
        r#"["CLOSE",""]"#,
        &deep,
    ] {
        assert_refused(text, &Answer::Notice, Prefix::Invalid);
    }
}

#[test]
fn a_broken_event_is_answered_by_an_ok_with_its_id() {
    let upper = PUBKEY.to_uppercase();
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    for (field, json) in [
        ("pubkey", ""),
        ("created_at", ""),
        ("kind", ""),
        ("tags", ""),
        ("content", ""),
        ("sig", ""),
        ("pubkey", "null"),
        ("pubkey", "1"),
        ("pubkey", &format!("\"{upper}\"")),
        ("pubkey", &format!("\"{}\"", &PUBKEY[..63])),
        ("pubkey", &format!("\"{PUBKEY}00\"")),
        ("pubkey", "\"npub1qqqq\""),
        ("sig", &format!("\"{}\"", &SIG[..126])),
        ("sig", "\"\""),
        ("kind", "-1"),
        ("kind", "65536"),
        ("kind", "1.0"),
        ("kind", "1.5"),
        ("kind", "\"1\""),
        ("kind", "null"),
        ("kind", "18446744073709551616"),
        ("created_at", "-1"),
        ("created_at", "1707409439.5"),
        ("created_at", "1e9"),
        ("created_at", "\"1707409439\""),
        ("created_at", "9223372036854775808"),
        ("created_at", "18446744073709551616"),
        ("created_at", "1e400"),
        (
            "created_at",
            "123456789012345678901234567890123456789012345678901234567890",
        ),
        ("tags", "{}"),
        ("tags", "null"),
        ("tags", r#"["-"]"#),
        ("tags", r#"[["e",1]]"#),
        ("tags", r#"[["e",null]]"#),
        ("tags", r#"[[["e"]]]"#),
        ("tags", &deep),
        ("content", "null"),
        ("content", "1"),
        ("content", "{}"),
        ("content", r#""\ud800""#),
        ("content", &deep),
    ] {
        assert_refused(
            &event_with(field, json),
            &Answer::Ok(ID.to_owned()),
            Prefix::Invalid,
        );
    }
    let twice = event_with("content", r#""hello","content":"again""#);
    assert_refused(&twice, &Answer::Ok(ID.to_owned()), Prefix::Invalid);
    let auth = event_with("kind", "null").replace("EVENT", "AUTH");
    assert_refused(&auth, &Answer::Ok(ID.to_owned()), Prefix::Invalid);
}

#[test]
fn a_wrong_id_is_repeated_as_the_client_wrote_it() {
    let (upper, short) = (ID.to_uppercase(), &ID[..63]);
    for id in [upper.as_str(), short, "", "id"] {
        let text = event_with("id", &format!("\"{id}\""));
        assert_refused(&text, &Answer::Ok(id.to_owned()), Prefix::Invalid);
    }
    // Nobody waits for an answer to a text that is no id at all.
    assert_refused(
        &event_with("id", &format!("\"{}\"", "0".repeat(65))),
        &Answer::Notice,
        Prefix::Invalid,
    );
}

#[test]
fn a_broken_filter_closes_its_subscription() {
    for filter in [
        "[]",
        "null",
        "1",
        r#""kinds""#,
        r#"{"ids":null}"#,
        r#"{"ids":"x"}"#,
        r#"{"ids":["x"]}"#,
        &format!(r#"{{"ids":["{}"]}}"#, ID.to_uppercase()),
        &format!(r#"{{"authors":["{}"]}}"#, &PUBKEY[..8]),
        r#"{"kinds":1}"#,
        r#"{"kinds":["1"]}"#,
        r#"{"kinds":[-1]}"#,
        r#"{"kinds":[1.5]}"#,
        r##"{"#e":["x"]}"##,
        &format!(r##"{{"#p":["{}"]}}"##, PUBKEY.to_uppercase()),
        r##"{"#t":[1]}"##,
        r##"{"#t":["a"],"#t":["b"]}"##,
        r#"{"kinds":[1],"kinds":[2]}"#,
        r#"{"since":-1}"#,
        r#"{"since":1.5}"#,
        r#"{"since":"1"}"#,
        r#"{"until":null}"#,
        r#"{"until":1e400}"#,
        r#"{"limit":-1}"#,
        r#"{"limit":0.5}"#,
        r#"{"search":1}"#,
        r#"{"since":2,"until":1}"#,
        &format!(r#"{{"ids":{}{}}}"#, "[".repeat(5_000), "]".repeat(5_000)),
    ] {
        assert_closed(filter, Prefix::Invalid);
    }
}

#[test]
fn what_a_filter_cannot_say_here_is_unsupported() {
    for filter in [
        r#"{"kind":1}"#,
        r##"{"#":["x"]}"##,
        r##"{"#ee":["x"]}"##,
        r##"{"#1":["x"]}"##,
        r##"{"#é":["x"]}"##,
        &format!(r#"{{"deep":{}{}}}"#, "[".repeat(5_000), "]".repeat(5_000)),
    ] {
        assert_closed(filter, Prefix::Unsupported);
    }
}

/// Alone or after a good one, in a REQ or in a COUNT.
#[track_caller]
fn assert_closed(filter: &str, prefix: Prefix) {
    let answer = Answer::Closed("sub: 1".to_owned());
    for verb in ["REQ", "COUNT"] {
        assert_refused(&format!(r#"["{verb}","sub: 1",{filter}]"#), &answer, prefix);
        assert_refused(&format!(r#"["{verb}","sub: 1",{{}},{filter}]"#), &answer, prefix);
    }
}

#[test]
fn a_request_needs_a_filter() {
    for verb in ["REQ", "COUNT"] {
        let text = format!(r#"["{verb}","x"]"#);
        assert_refused(&text, &Answer::Closed("x".to_owned()), Prefix::Invalid);
    }
}

#[test]
fn a_subscription_id_of_the_wrong_length_is_closed_by_its_name() {
    for id in ["", &"x".repeat(65), &"😀".repeat(65)] {
        let text = format!(r#"["REQ","{id}",{{}}]"#);
        assert_refused(&text, &Answer::Closed(id.to_owned()), Prefix::Invalid);
    }
    let endless = format!(r#"["REQ","{}",{{}}]"#, "x".repeat(100_000));
    assert_refused(&endless, &Answer::Notice, Prefix::Invalid);
}

#[test]
fn what_is_unusual_but_allowed_passes() {
    for text in [
        " [ \"REQ\" , \"x\" , { } ] \n",
        r#"["REQ","x",{"limit":0}]"#,
        r#"["REQ","x",{"limit":99999999999999999}]"#,
        r#"["REQ","x",{"until":18446744073709551615}]"#,
        r#"["REQ","x",{"kinds":[70000]}]"#,
        r##"["REQ","x",{"ids":[],"authors":[],"kinds":[],"#e":[]}]"##,
        r#"["\u0052EQ","x",{}]"#,
        r#"["CLOSE","x","y",{"z":1}]"#,
        &event_with("tags", "[]"),
        &event_with("created_at", "9223372036854775807"),
        &event_with("kind", "65535"),
        &event_with("content", r#""hello","seen_on":["wss://a",{"b":[1.5,null]}]"#),
        &event_with("content", r#""\u0000\ud83d\ude00\/""#),
    ] {
        assert!(ClientMessage::parse(text).is_ok(), "{text}");
    }
}

#[test]
fn an_answer_never_repeats_more_than_a_little_of_what_came() {
    let long = "x".repeat(500_000);
    for text in [
        format!(r#"["{long}"]"#),
        format!(r#"["EVENT","{long}"]"#),
        format!(r#"["REQ","x","{long}"]"#),
        format!(r#"["REQ","x",{{"{long}":1}}]"#),
        format!(r#"["REQ","x",{{"kinds":["{long}"]}}]"#),
        event_with("kind", &format!("\"{long}\"")),
        event_with("id", &format!("\"{long}\"")),
        event_with("created_at", &"9".repeat(100_000)),
        format!(r#"["EVENT","{}"]"#, "é".repeat(100_000)),
    ] {
        let answer = refused(&text).to_json();
        assert!(answer.len() < 1_000, "{} bytes: {}", answer.len(), &answer[..200]);
    }
}

#[test]
fn filters_without_end_are_not_kept() {
    let text = |count| format!(r#"["REQ","s",{}]"#, vec!["{}"; count].join(","));
    assert!(ClientMessage::parse(&text(1_000)).is_ok());
    for count in [1_001, 100_000] {
        let bad = refused(&text(count));
        assert_eq!(bad.answer, Answer::Closed("s".to_owned()));
        assert_eq!(bad.reason.prefix, Prefix::Invalid);
    }
}
