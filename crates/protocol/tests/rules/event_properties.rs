//! What holds for every event.

use proptest::prelude::*;
use protocol::{ClientMessage, Event, EventId, Kind, PublicKey, Signature, VerifiedEvent, event_frame};

use crate::arbitrary;

fn parse(json: &str) -> Option<Event> {
    match ClientMessage::parse(&format!(r#"["EVENT",{json}]"#)) {
        Ok(ClientMessage::Event(event)) => Some(*event),
        _ => None,
    }
}

fn flipped<const N: usize>(bytes: &[u8; N], bit: usize) -> [u8; N] {
    let mut bytes = *bytes;
    bytes[bit / 8 % N] ^= 1 << (bit % 8);
    bytes
}

proptest! {
    #[test]
    fn canonical_json_parses_back_to_the_same_event(event in arbitrary::event()) {
        let verified = VerifiedEvent::verify(event.clone()).unwrap();
        let json = verified.json();
        prop_assert_eq!(&parse(json).unwrap(), &event);
        prop_assert_eq!(EventId::of_canonical(json.as_bytes()), Some(event.id));
        prop_assert_eq!(PublicKey::of_canonical(json.as_bytes()), Some(event.pubkey));
        prop_assert_eq!(Kind::of_canonical(json.as_bytes()), Some(event.kind));
        prop_assert_eq!(&VerifiedEvent::from_canonical(json.to_owned()).unwrap(), &verified);
        prop_assert!(json.bytes().all(|byte| byte >= 0x20), "a page holds one event a line");
        prop_assert_eq!(VerifiedEvent::verify(event).unwrap().into_json(), json);
    }

    #[test]
    fn a_flipped_bit_of_id_key_or_signature_fails(event in arbitrary::event(), bit in 0..512_usize) {
        let id = Event { id: EventId::from_bytes(flipped(event.id.as_bytes(), bit)), ..event.clone() };
        let key = Event { pubkey: PublicKey::from_bytes(flipped(event.pubkey.as_bytes(), bit)), ..event.clone() };
        let sig = Event { sig: Signature::from_bytes(flipped(event.sig.as_bytes(), bit)), ..event };
        for forged in [id, key, sig] {
            prop_assert!(VerifiedEvent::verify(forged).is_err());
        }
    }

    #[test]
    fn a_flipped_bit_of_the_json_is_never_another_event(event in arbitrary::event(), at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let verified = VerifiedEvent::verify(event).unwrap();
        let mut json = verified.json().as_bytes().to_vec();
        *at.get_mut(&mut json) ^= 1_u8 << bit;
        // `\u001f` and `\u001F` are the same character; every other change must be noticed.
        let event = std::str::from_utf8(&json).ok().and_then(parse);
        if let Some(Ok(accepted)) = event.map(VerifiedEvent::verify) {
            prop_assert_eq!(accepted, verified);
        }
    }

    #[test]
    fn a_frame_is_json_around_the_bytes(event in arbitrary::event(), id in arbitrary::text()) {
        let Ok(id) = protocol::SubscriptionId::new(&id) else { return Ok(()) };
        let json = VerifiedEvent::verify(event).unwrap().into_json();
        let frame: serde_json::Value = serde_json::from_slice(&event_frame(&id, json.as_bytes())).unwrap();
        prop_assert_eq!(frame, serde_json::json!(["EVENT", id.as_str(), serde_json::from_str::<serde_json::Value>(&json).unwrap()]));
    }
}
