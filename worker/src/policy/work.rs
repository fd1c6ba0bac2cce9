//! Proof of work in the id ([NIP-13](https://nips.nostr.com/13)).

use protocol::{Event, EventId, Prefix, Reason};
use runtime::config::Policy;

use super::Case;

pub(super) fn check(case: &Case<'_>, policy: &Policy) -> Result<(), Reason> {
    let of_kind = case.rule(policy).and_then(|rule| rule.min_pow_difficulty);
    let wanted = of_kind.unwrap_or(policy.min_pow_difficulty);
    let level = case.client.map_or(0, |client| u8::from(client.level));
    if wanted == 0 || level >= policy.pow_exempt_level {
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
    // Who aimed lower and was lucky has not done the work.
    match committed_target(case.event) {
        Some(target) if target < wanted => refuse(target),
        None if policy.pow_needs_target => Err(Reason::new(
            Prefix::Pow,
            format!("the nonce tag does not commit to a difficulty of {wanted}"),
        )),
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
    use protocol::AuthLevel;
    use runtime::config::KindRule;
    use testkit::{EventBuilder, event, note};

    use super::*;
    use crate::policy::tests::{ask, ask_for, client, policy};

    fn mined(bits: u32, target: &str) -> EventBuilder {
        mined_of(1, bits, target)
    }

    fn mined_of(kind: u16, bits: u32, target: &str) -> EventBuilder {
        (0_u32..)
            .map(|nonce| event(kind).at(1).tag(["nonce", &nonce.to_string(), target]))
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
        let strict = Policy {
            pow_needs_target: true,
            ..wanted(6)
        };
        assert_eq!(ask(check, &mined(6, "none"), &strict, 1), Some(Prefix::Pow));
        assert_eq!(ask(check, &mined(6, "6"), &strict, 1), None);
        assert_eq!(ask(check, &mined(6, "7"), &strict, 1), None);
    }

    #[test]
    fn a_kind_may_ask_for_more_or_less() {
        let policy = |of_kind| Policy {
            min_pow_difficulty: 4,
            kinds: vec![KindRule {
                kinds: vec![7],
                min_pow_difficulty: Some(of_kind),
                ..KindRule::default()
            }],
            ..policy()
        };
        assert_eq!(ask(check, &mined_of(7, 4, "4"), &policy(8), 1), Some(Prefix::Pow));
        assert_eq!(ask(check, &mined_of(7, 8, "8"), &policy(8), 1), None);
        assert_eq!(
            ask(check, &event(7).tag(["nonce", "0", "0"]), &policy(0), 1),
            None
        );
        assert_eq!(ask(check, &mined(4, "4"), &policy(8), 1), None);
    }

    #[test]
    fn work_may_be_asked_of_strangers_only() {
        let policy = |exempt| Policy {
            min_pow_difficulty: 200,
            pow_exempt_level: exempt,
            ..policy()
        };
        for (level, exempt, expected) in [
            (AuthLevel::Anonymous, 1, Some(Prefix::Pow)),
            (AuthLevel::Key, 1, None),
            (AuthLevel::Key, 2, Some(Prefix::Pow)),
            (AuthLevel::Registered, 2, None),
            (AuthLevel::Trusted, 5, Some(Prefix::Pow)),
            (AuthLevel::Anonymous, 0, None),
        ] {
            let client = client(level, &["alice"]);
            assert_eq!(
                ask_for(check, &note(""), &policy(exempt), 1, &client),
                expected,
                "{level:?} {exempt}"
            );
        }
    }
}
