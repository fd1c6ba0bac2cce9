//! Events from too far in the past or the future.

use protocol::{Prefix, Reason};
use runtime::config::Policy;

use super::Case;

pub(super) fn check(case: &Case<'_>, policy: &Policy) -> Result<(), Reason> {
    let (created_at, now, rule) = (case.event.created_at, case.now, case.rule(policy));
    let upper = rule.and_then(|rule| rule.created_at_upper_limit);
    let lower = rule.and_then(|rule| rule.created_at_lower_limit);
    let (upper, lower) = (
        upper.unwrap_or(policy.created_at_upper_limit),
        lower.unwrap_or(policy.created_at_lower_limit),
    );
    let refuse = |text| Err(Reason::new(Prefix::Invalid, text));
    if upper > 0 && created_at > now.saturating_add(upper) {
        return refuse("created_at is too far in the future");
    }
    if lower > 0 && created_at < now.saturating_sub(lower) {
        return refuse("created_at is too far in the past");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use runtime::config::KindRule;
    use testkit::event;

    use super::*;
    use crate::policy::tests::{ask, policy};

    #[test]
    fn cases() {
        let limits = Policy {
            created_at_lower_limit: 100,
            created_at_upper_limit: 10,
            kinds: vec![KindRule {
                kinds: vec![1059],
                created_at_lower_limit: Some(0),
                created_at_upper_limit: Some(1),
                ..KindRule::default()
            }],
            ..policy()
        };
        let none = Policy {
            created_at_lower_limit: 0,
            created_at_upper_limit: 0,
            ..policy()
        };
        for (kind, at, policy, expected) in [
            (1, 1000, &limits, None),
            (1, 1010, &limits, None),
            (1, 1011, &limits, Some(Prefix::Invalid)),
            (1, 900, &limits, None),
            (1, 899, &limits, Some(Prefix::Invalid)),
            (1059, 0, &limits, None),
            (1059, 1001, &limits, None),
            (1059, 1002, &limits, Some(Prefix::Invalid)),
            (1, 0, &none, None),
            (1, 9_000_000_000_000, &none, None),
        ] {
            assert_eq!(
                ask(check, &event(kind).at(at), policy, 1000),
                expected,
                "{kind} {at}"
            );
        }
    }
}
