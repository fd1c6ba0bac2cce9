//! Events that were signed for another key ([NIP-26](https://nips.nostr.com/26)).

use protocol::{Prefix, Reason};
use runtime::config::Policy;

use super::Case;

pub(super) fn check(case: &Case<'_>, policy: &Policy) -> Result<(), Reason> {
    if !policy.delegation {
        return Ok(());
    }
    match case.event.delegation() {
        None => Ok(()),
        Some(delegation) => delegation
            .and_then(|delegation| delegation.verify(case.event))
            .map_err(|error| Reason::new(Prefix::Invalid, error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use testkit::{Keys, note};

    use super::*;
    use crate::policy::tests::{ask, policy};

    #[test]
    fn cases() {
        let token = |conditions: &str| Keys::of("bob").delegate("alice", conditions);
        let on = Policy {
            delegation: true,
            ..policy()
        };
        let invalid = Some(Prefix::Invalid);
        for (conditions, token, expected) in [
            ("kind=1&created_at>5", token("kind=1&created_at>5"), None),
            ("kind=7", token("kind=7"), invalid),
            ("kind=1", token("kind=1&kind=7"), invalid),
            ("kind=1", Keys::of("alice").delegate("alice", "kind=1"), invalid),
            ("kind=1", "nonsense".to_owned(), invalid),
        ] {
            let tag = ["delegation", &Keys::of("bob").pubkey(), conditions, &token];
            assert_eq!(ask(check, &note("").tag(tag), &on, 1), expected, "{conditions}");
            assert_eq!(ask(check, &note("").tag(tag), &policy(), 1), None, "off");
        }
        assert_eq!(ask(check, &note(""), &on, 1), None);
    }
}
