//! Proof of work in the id ([NIP-13](https://nips.nostr.com/13)).

use protocol::{Event, EventId, Prefix, Reason};
use runtime::config::Policy;

use super::Case;

pub(super) fn check(case: &Case<'_>, policy: &Policy) -> Result<(), Reason> {
    let wanted = policy.min_pow_difficulty;
    if wanted == 0 {
        return Ok(());
    }
    let refuse = |found: u32| {
        Err(Reason::new(
            Prefix::Pow,
            format!("difficulty {found} is less than {wanted}"),
        ))
    };
    let found = leading_zero_bits(&case.event.id);
    if found < wanted {
        return refuse(found);
    }
    // Who aimed lower and was lucky has not done the work; who committed to no target is given the benefit.
    match committed_target(case.event) {
        Some(target) if target < wanted => refuse(target),
        _ => Ok(()),
    }
}

fn leading_zero_bits(id: &EventId) -> u32 {
    let mut bits = 0;
    for byte in id.as_bytes() {
        bits += byte.leading_zeros();
        if *byte != 0 {
            break;
        }
    }
    bits
}

/// `["nonce","<nonce>","<target>"]`
fn committed_target(event: &Event) -> Option<u32> {
    event
        .tags
        .iter()
        .find(|tag| tag.name() == Some("nonce"))?
        .get(2)?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use testkit::{EventBuilder, note};

    use super::*;
    use crate::policy::tests::{ask, policy};

    fn mined(bits: u32, target: &str) -> EventBuilder {
        (0_u32..)
            .map(|nonce| note("").at(1).tag(["nonce", &nonce.to_string(), target]))
            .find(|event| leading_zero_bits(&event.verified().id()) >= bits)
            .unwrap()
    }

    #[test]
    fn bits_are_counted() {
        let mut bytes = [0xff; 32];
        assert_eq!(leading_zero_bits(&EventId::from_bytes(bytes)), 0);
        (bytes[0], bytes[1]) = (0, 0x1f);
        assert_eq!(leading_zero_bits(&EventId::from_bytes(bytes)), 11);
        assert_eq!(leading_zero_bits(&EventId::from_bytes([0; 32])), 256);
    }

    #[test]
    fn cases() {
        let wanted = |bits| Policy {
            min_pow_difficulty: bits,
            ..policy()
        };
        assert_eq!(ask(check, &note(""), &wanted(0), 1), None);
        assert_eq!(ask(check, &note(""), &wanted(200), 1), Some(Prefix::Pow));
        assert_eq!(ask(check, &mined(6, "6"), &wanted(6), 1), None);
        assert_eq!(
            ask(check, &mined(6, "4"), &wanted(6), 1),
            Some(Prefix::Pow),
            "aimed at 4 and was lucky"
        );
        assert_eq!(ask(check, &mined(6, "none"), &wanted(6), 1), None);
    }
}
