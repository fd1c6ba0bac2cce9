//! Kinds that are welcome here.

use protocol::{Kind, Prefix, Reason};
use runtime::config::Policy;

use super::Case;

pub(super) fn check(case: &Case<'_>, policy: &Policy) -> Result<(), Reason> {
    let kind = case.event.kind;
    if kind == Kind::AUTHENTICATION {
        return Err(Reason::new(
            Prefix::Invalid,
            "kind 22242 belongs in an AUTH message",
        ));
    }
    let is_denied = policy.denied_kinds.contains(&kind.0);
    let is_allowed = policy.allowed_kinds.is_empty() || policy.allowed_kinds.contains(&kind.0);
    if is_denied || !is_allowed {
        return Err(Reason::new(
            Prefix::Blocked,
            format!("kind {kind} is not accepted here"),
        ));
    }
    Ok(())
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
