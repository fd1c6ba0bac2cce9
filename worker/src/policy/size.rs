//! Events that are too large for their kind. What holds for all of them is checked by relay-ws (`[limits]`).

use protocol::{Prefix, Reason};
use runtime::config::Policy;

use super::Case;

pub(super) fn check(case: &Case<'_>, policy: &Policy) -> Result<(), Reason> {
    let Some(rule) = case.rule(policy) else {
        return Ok(());
    };
    let kind = case.event.kind;
    if let Some(most) = rule.max_bytes.filter(|most| case.bytes > *most) {
        let text = format!("an event of kind {kind} has no more than {most} bytes here");
        return Err(Reason::new(Prefix::Invalid, text));
    }
    if let Some(most) = rule.max_tags.filter(|most| case.event.tags.len() > *most) {
        let text = format!("an event of kind {kind} has no more than {most} tags here");
        return Err(Reason::new(Prefix::Invalid, text));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use runtime::config::KindRule;
    use testkit::{event, note};

    use super::*;
    use crate::policy::tests::{ask, policy};

    #[test]
    fn cases() {
        let small = note("").at(1).verified().json().len();
        let limits = Policy {
            kinds: vec![KindRule {
                kinds: vec![1],
                max_bytes: Some(small + 10),
                max_tags: Some(1),
                ..KindRule::default()
            }],
            ..policy()
        };
        let long = "x".repeat(11);
        for (event, expected) in [
            (note(&long[..10]).at(1), None),
            (note(&long).at(1), Some(Prefix::Invalid)),
            (event(2).content(&long).at(1), None),
            (note("").at(1).tag(["t"]), None),
            (note("").at(1).tag(["t"]).tag(["t"]), Some(Prefix::Invalid)),
            (event(2).tag(["t"]).tag(["t"]), None),
        ] {
            assert_eq!(ask(check, &event, &limits, 1), expected, "{}", event.sign());
            assert_eq!(ask(check, &event, &policy(), 1), None);
        }
    }
}
