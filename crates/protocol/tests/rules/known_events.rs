//! Events from the wild and from NIP texts, and events that hold every awkward character.

use protocol::{ClientMessage, Event, EventId, InvalidEvent, PublicKey, VerifiedEvent};
use sha2::{Digest, Sha256};

use crate::signed;

/// Events that other software signed, canonical already: notes, a contact list, a reaction, proof of work, an
/// encrypted message, an addressable event.
const KNOWN: &str = include_str!("vectors/events.jsonl");

fn parse(json: &str) -> Event {
    match ClientMessage::parse(&format!(r#"["EVENT",{json}]"#)) {
        Ok(ClientMessage::Event(event)) => *event,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_others_signed_verifies_and_keeps_its_bytes() {
    assert_eq!(KNOWN.lines().count(), 8);
    for line in KNOWN.lines() {
        let verified = VerifiedEvent::verify(parse(line)).unwrap();
        assert_eq!(verified.json(), line);
        assert_eq!(EventId::of_canonical(line.as_bytes()), Some(verified.id()));
        assert_eq!(PublicKey::of_canonical(line.as_bytes()), Some(verified.pubkey));
        assert_eq!(VerifiedEvent::from_canonical(line.to_owned()).unwrap(), verified);
    }
}

/// The example of NIP-70. Its text was changed after it was signed: the id is of something else.
const NIP_70: &str = r#"{"id":"cb8feca582979d91fe90455867b34dbf4d65e4b86e86b3c68c368ca9f9eef6f2","pubkey":"79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798","created_at":1707409439,"kind":1,"tags":[["-"]],"content":"hello members of the secret group","sig":"fa163f5cfb75d77d9b6269011872ee22b34fb48d23251e9879bb1e4ccbdd8aaaf4b6dc5f5084a65ef42c52fbcde8f3178bac3ba207de827ec513a6aa39fa684c"}"#;

#[test]
fn the_example_of_nip_70_is_protected_but_not_what_was_signed() {
    let event = parse(NIP_70);
    assert!(event.is_protected());
    let of_its_text = signed::id_of(
        event.pubkey,
        1_707_409_439,
        1,
        &[vec!["-".to_owned()]],
        &event.content,
    );
    assert_ne!(event.id, of_its_text);
    assert!(matches!(
        VerifiedEvent::verify(event.clone()),
        Err(InvalidEvent::Id)
    ));
    // Its author's key is the number 1: signed again, it passes.
    let again = Event {
        id: of_its_text,
        sig: signed::signature(&signed::keypair(1), of_its_text),
        ..event
    };
    assert!(VerifiedEvent::verify(again).is_ok_and(|again| again.is_protected()));
}

#[test]
fn one_letter_more_and_the_id_is_wrong() {
    for line in KNOWN.lines() {
        let mut event = parse(line);
        event.content.push('.');
        assert!(matches!(VerifiedEvent::verify(event), Err(InvalidEvent::Id)));
    }
}

/// Content as it lies in memory, and between the quotes of the canonical JSON.
const AWKWARD: &[(&str, &str)] = &[
    ("\n\r\t\"\\", r#"\n\r\t\"\\"#),
    ("\u{8}\u{c}", r"\b\f"),
    ("\0\u{1}\u{1f}\u{b}", r"\u0000\u0001\u001f\u000b"),
    ("\u{7f}\u{80}\u{9f}", "\u{7f}\u{80}\u{9f}"),
    ("a/b</script>", "a/b</script>"),
    ("\u{2028}\u{2029}\u{feff}", "\u{2028}\u{2029}\u{feff}"),
    ("👩‍👩‍👧‍👧🇪🇺é\u{301}", "👩‍👩‍👧‍👧🇪🇺é\u{301}"),
    ("\u{10ffff}\u{fffd}\u{e000}", "\u{10ffff}\u{fffd}\u{e000}"),
    ("", ""),
];

#[test]
fn every_awkward_character_has_one_canonical_form() {
    for (content, escaped) in AWKWARD {
        let tags = vec![vec!["t".to_owned(), (*content).to_owned()]];
        let event = signed::event(7, 1_700_000_000, 1, tags, content);
        let verified = VerifiedEvent::verify(event).unwrap();
        let json = verified.json();
        assert!(
            json.contains(&format!(
                r#""tags":[["t","{escaped}"]],"content":"{escaped}","sig":"#
            )),
            "{json}"
        );
        assert_eq!(parse(json), *verified.event());
    }
}

#[test]
fn any_way_to_write_a_character_is_the_same_event() {
    let event = signed::event(7, 1_700_000_000, 1, vec![], "/é😀\u{1f}");
    let json = VerifiedEvent::verify(event.clone()).unwrap().into_json();
    for written in [
        "\\/é😀\\u001F",
        "/\\u00e9\\ud83d\\ude00\\u001f",
        "\\u002F\\u00E9\\uD83D\\uDE00\\u001f",
    ] {
        let other = json.replace("/é😀\\u001f", written);
        assert_ne!(other, json);
        assert_eq!(VerifiedEvent::verify(parse(&other)).unwrap().json(), json);
    }
    assert_eq!(parse(&json), event);
}

/// NIP-01 to the letter: control characters without an escape of their own are hashed as they are.
#[test]
fn an_id_over_verbatim_control_characters_counts_too() {
    let mut event = signed::event(7, 1_700_000_000, 1, vec![], "bell \u{7} and NUL \0");
    let escaped = event.id;
    let preimage = format!(
        "[0,\"{}\",1700000000,1,[],\"bell \u{7} and NUL \0\"]",
        event.pubkey
    );
    event.id = EventId::from_bytes(Sha256::digest(preimage).into());
    event.sig = signed::signature(&signed::keypair(7), event.id);
    assert_ne!(event.id, escaped);

    let verified = VerifiedEvent::verify(event).unwrap();
    assert!(
        verified
            .json()
            .contains(r#""content":"bell \u0007 and NUL \u0000""#)
    );
    assert_eq!(parse(verified.json()), *verified.event());
}

#[test]
fn the_largest_values_fit() {
    let tags = vec![vec![], vec![String::new()], vec!["p".to_owned(); 200]];
    let event = signed::event(1, protocol::MAX_CREATED_AT, 65_535, tags, "");
    let verified = VerifiedEvent::verify(event).unwrap();
    assert!(
        verified
            .json()
            .contains(r#""created_at":9223372036854775807,"kind":65535,"tags":[[],[""],["#)
    );
}
