//! What operators decided of kinds, authors and single events: see [`protocol::Rulings`].

use protocol::{Kind, Prefix, Reason};
use runtime::config::Policy;

use super::Case;

pub(super) fn check(case: &Case<'_>, _: &Policy) -> Result<(), Reason> {
    if case.event.kind == Kind::AUTHENTICATION {
        return Err(Reason::new(
            Prefix::Invalid,
            "kind 22242 belongs in an AUTH message",
        ));
    }
    case.rulings.refusal(case.event).map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests {
    use testkit::event;

    use super::*;
    use crate::policy::tests::{ask, policy};

    #[test]
    fn cases() {
        let with = |allowed: &[u16], denied: &[u16]| Policy {
            allowed_kinds: allowed.into(),
            denied_kinds: denied.into(),
            ..policy()
        };
        for (kind, allowed, denied, expected) in [
            (1, &[][..], &[][..], None),
            (22_242, &[], &[], Some(Prefix::Invalid)),
            (1, &[1, 2], &[], None),
            (3, &[1, 2], &[], Some(Prefix::Blocked)),
            (4, &[], &[4], Some(Prefix::Blocked)),
            (4, &[4], &[4], Some(Prefix::Blocked)),
        ] {
            assert_eq!(
                ask(check, &event(kind), &with(allowed, denied), 0),
                expected,
                "{kind} {allowed:?} {denied:?}"
            );
        }
    }
}
