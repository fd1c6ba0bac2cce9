//! The same events in rust-nostr, an implementation that nobody here wrote: ids, signatures, JSON and filters agree
//! in both directions.

use nostr::{JsonUtil, filter::MatchEventOptions};
use proptest::prelude::*;
use protocol::{ClientMessage, Event, Filter, VerifiedEvent};

use crate::arbitrary;

fn parse(json: &str) -> Event {
    match ClientMessage::parse(&format!(r#"["EVENT",{json}]"#)) {
        Ok(ClientMessage::Event(event)) => *event,
        other => panic!("{other:?}"),
    }
}

/// Every character up to U+00FF and those beyond that JSON libraries treat in their own ways, in the content and in each place of a
/// tag: the id is the same, the bytes are the same.
#[test]
fn every_character_is_escaped_alike() {
    let odd = "\u{2028}\u{2029}\u{d7ff}\u{e000}\u{feff}\u{fffd}\u{ffff}\u{10000}\u{10ffff}";
    let keys = nostr::Keys::new(nostr::SecretKey::from_slice(&[7; 32]).unwrap());
    for character in ('\0'..='\u{ff}').chain(odd.chars()) {
        // Alone, doubled, before a letter that would make another escape of it, and behind a backslash.
        for text in [
            format!("{character}"),
            format!("{character}{character}"),
            format!("{character}n"),
            format!("\\{character}"),
        ] {
            let tag = nostr::Tag::parse(["t", &text, &text]).unwrap();
            let theirs = nostr::EventBuilder::text_note(&text)
                .tag(tag)
                .custom_created_at(nostr::Timestamp::from_secs(1))
                .sign_with_keys(&keys)
                .unwrap();
            let ours = VerifiedEvent::verify(parse(&theirs.as_json())).unwrap();
            assert_eq!(ours.json(), theirs.as_json(), "{text:?}");
            assert_eq!(ours.content, text);
        }
    }
}

proptest! {
    #[test]
    fn both_refuse_what_was_changed_after_it_was_signed(
        event in arbitrary::event(),
        part in 0..5_usize,
        bit in 0..256_usize,
    ) {
        let mut forged = event.clone();
        let flipped = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            let at = bit / 8 % bytes.len();
            bytes[at] ^= 1 << (bit % 8);
            bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        match part {
            0 => forged.id = flipped(event.id.as_bytes()).parse().unwrap(),
            1 => forged.pubkey = flipped(event.pubkey.as_bytes()).parse().unwrap(),
            2 => forged.sig = flipped(event.sig.as_bytes()).parse().unwrap(),
            3 => forged.content.push('x'),
            _ => forged.created_at ^= 1,
        }
        let json = serde_json::json!({
            "id": forged.id, "pubkey": forged.pubkey, "created_at": forged.created_at, "kind": forged.kind,
            "tags": forged.tags, "content": forged.content, "sig": forged.sig,
        });
        prop_assert!(VerifiedEvent::verify(forged).is_err());
        // A key that is no point is refused there when it is read.
        let theirs = nostr::Event::from_json(json.to_string());
        prop_assert!(theirs.is_err() || theirs.is_ok_and(|event| event.verify().is_err()));
    }

    #[test]
    fn it_verifies_what_we_canonicalize(event in arbitrary::event()) {
        let json = VerifiedEvent::verify(event).unwrap().into_json();
        let theirs = nostr::Event::from_json(&json).unwrap();
        prop_assert!(theirs.verify().is_ok());
        prop_assert_eq!(theirs.as_json(), json);
    }

    #[test]
    fn we_verify_what_it_signs(
        secret in 1..=u8::MAX,
        created_at in 0..=protocol::MAX_CREATED_AT,
        kind in any::<u16>(),
        tags in arbitrary::tags(),
        content in arbitrary::text(),
    ) {
        let mut bytes = [7; 32];
        bytes[0] = secret;
        let keys = nostr::Keys::new(nostr::SecretKey::from_slice(&bytes).unwrap());
        let theirs = nostr::UnsignedEvent::new(
            keys.public_key(),
            nostr::Timestamp::from_secs(created_at),
            nostr::Kind::from_u16(kind),
            tags.iter().map(|tag| nostr::Tag::parse(tag.iter().cloned()).unwrap()),
            content.clone(),
        )
        .sign_with_keys(&keys)
        .unwrap();

        let verified = VerifiedEvent::verify(parse(&theirs.as_json())).unwrap();
        prop_assert_eq!(verified.json(), theirs.as_json());
        prop_assert_eq!(&verified.content, &content);
        prop_assert_eq!(verified.tags.iter().map(|tag| Vec::from_iter(tag.iter())).collect::<Vec<_>>(), tags);
    }

    #[test]
    fn filters_choose_the_same_events(filter in arbitrary::filter(), events in prop::collection::vec(arbitrary::event(), 1..8)) {
        // There an empty list matches everything; here, as NIP-01 is read nowadays, nothing.
        prop_assume!(!filter.matches_nothing());
        let theirs = nostr::Filter::from_json(serde_json::to_string(&filter).unwrap()).unwrap();
        let options = MatchEventOptions { nip50: false, ..MatchEventOptions::new() };
        for event in events {
            let json = VerifiedEvent::verify(event.clone()).unwrap().into_json();
            let their_event = nostr::Event::from_json(json).unwrap();
            prop_assert_eq!(filter.matches(&event), theirs.match_event(&their_event, options), "{:?} {:?}", filter, event);
        }
    }

    #[test]
    fn it_writes_filters_that_we_read(filter in arbitrary::filter()) {
        let theirs = nostr::Filter::from_json(serde_json::to_string(&filter).unwrap()).unwrap();
        let mut back: Filter = serde_json::from_str(&theirs.as_json()).unwrap();
        let mut filter = filter;
        // It has 64-bit limits and an order of tags of its own, and leaves nothing else out.
        for one in [&mut back, &mut filter] {
            one.tags.sort_unstable_by_key(|tag| tag.letter);
        }
        prop_assert_eq!(back, filter);
    }
}
