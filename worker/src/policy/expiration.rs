//! Events that have expired already ([NIP-40](https://nips.nostr.com/40)).

use protocol::{KindClass, Prefix, Reason};
use runtime::config::Policy;

use super::Case;

pub(super) fn check(case: &Case<'_>, _: &Policy) -> Result<(), Reason> {
    // An expiration means nothing for what is never stored.
    if case.event.kind.class() == KindClass::Ephemeral {
        return Ok(());
    }
    match case.event.expiration() {
        Ok(Some(at)) if at <= case.now => Err(Reason::new(Prefix::Invalid, "the event has expired")),
        Ok(_) => Ok(()),
        Err(_) => Err(Reason::new(
            Prefix::Invalid,
            "the expiration is not a time in seconds",
        )),
    }
}

#[cfg(test)]
mod tests {
    use testkit::event;

    use super::*;
    use crate::policy::tests::{ask, policy};

    #[test]
    fn cases() {
        for (kind, expiration, expected) in [
            (1, "1001", None),
            (1, "1000", Some(Prefix::Invalid)),
            (1, "1", Some(Prefix::Invalid)),
            (1, "soon", Some(Prefix::Invalid)),
            (1, "-5", Some(Prefix::Invalid)),
            (1, "99999999999999999999999", Some(Prefix::Invalid)),
            (20_001, "1", None),
        ] {
            let event = event(kind).tag(["expiration", expiration]);
            assert_eq!(
                ask(check, &event, &policy(), 1000),
                expected,
                "{kind} {expiration}"
            );
        }
        assert_eq!(ask(check, &event(1), &policy(), 1000), None);
    }
}
