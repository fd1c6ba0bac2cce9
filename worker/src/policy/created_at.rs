//! Events from too far in the past or the future.

use protocol::{Prefix, Reason};
use runtime::config::Policy;

use super::Case;

pub(super) fn check(case: &Case<'_>, policy: &Policy) -> Result<(), Reason> {
    let (created_at, now) = (case.event.created_at, case.now);
    let refuse = |text| Err(Reason::new(Prefix::Invalid, text));
    if policy.created_at_upper_limit > 0 && created_at > now.saturating_add(policy.created_at_upper_limit) {
        return refuse("created_at is too far in the future");
    }
    if policy.created_at_lower_limit > 0 && created_at < now.saturating_sub(policy.created_at_lower_limit) {
        return refuse("created_at is too far in the past");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use testkit::note;

    use super::*;
    use crate::policy::tests::{ask, policy};

    #[test]
    fn cases() {
        let limits = Policy {
            created_at_lower_limit: 100,
            created_at_upper_limit: 10,
            ..policy()
        };
        let none = Policy {
            created_at_lower_limit: 0,
            created_at_upper_limit: 0,
            ..policy()
        };
        for (at, policy, expected) in [
            (1000, &limits, None),
            (1010, &limits, None),
            (1011, &limits, Some(Prefix::Invalid)),
            (900, &limits, None),
            (899, &limits, Some(Prefix::Invalid)),
            (0, &none, None),
            (9_000_000_000_000, &none, None),
        ] {
            assert_eq!(ask(check, &note("").at(at), policy, 1000), expected, "{at}");
        }
    }
}
