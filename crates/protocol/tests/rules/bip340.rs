//! The vectors of BIP-340 for 32-byte messages, on the library below and through our own gate.

use protocol::{InvalidEvent, PublicKey, Signature, VerifiedEvent};
use secp256k1::{SECP256K1, XOnlyPublicKey, schnorr};

use crate::signed;

/// Public key, message, signature, whether it is one.
const VECTORS: &str = include_str!("vectors/bip340.csv");

/// Keys that are no point of the curve: not an x coordinate, and beyond the field.
const NO_KEYS: [&str; 2] = [
    "eefdea4cdb677750a420fee807eacf21eb9898ae79b9768766e4faa04a2d4a34",
    "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc30",
];

#[test]
fn the_library_below_agrees_with_the_vectors() {
    let mut seen = 0;
    for line in VECTORS.lines() {
        let fields: Vec<&str> = line.split(',').collect();
        let key: PublicKey = fields[0].parse().unwrap();
        let message: PublicKey = fields[1].parse().unwrap();
        let signature: Signature = fields[2].parse().unwrap();
        let verified = SECP256K1.verify_schnorr(
            &schnorr::Signature::from_byte_array(*signature.as_bytes()),
            message.as_bytes(),
            &XOnlyPublicKey::from_byte_array(*key.as_bytes()).unwrap(),
        );
        assert_eq!(verified.is_ok(), fields[3] == "true", "{line}");
        seen += 1;
    }
    assert_eq!(seen, 13);
}

#[test]
fn a_key_off_the_curve_is_told_apart_from_a_bad_signature() {
    for key in NO_KEYS {
        let mut event = signed::event(1, 1, 1, vec![], "");
        event.pubkey = key.parse().unwrap();
        event.id = signed::id_of(event.pubkey, 1, 1, &[], "");
        assert!(matches!(
            VerifiedEvent::verify(event),
            Err(InvalidEvent::PublicKey(_))
        ));
    }
}

#[test]
fn a_signature_of_something_else_is_refused() {
    for line in VECTORS.lines() {
        let fields: Vec<&str> = line.split(',').collect();
        let mut event = signed::event(1, 1, 1, vec![], "");
        event.pubkey = fields[0].parse().unwrap();
        event.id = signed::id_of(event.pubkey, 1, 1, &[], "");
        event.sig = fields[2].parse().unwrap();
        assert!(matches!(
            VerifiedEvent::verify(event),
            Err(InvalidEvent::Signature(_))
        ));
    }
}
