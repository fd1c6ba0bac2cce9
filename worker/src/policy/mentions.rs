//! Events that mention too many people at once.

use protocol::{KindClass, Prefix, Reason};
use runtime::config::Policy;

use super::Case;

pub(super) fn check(case: &Case<'_>, policy: &Policy) -> Result<(), Reason> {
    let most = policy.max_mentions;
    // Lists are replaceable or addressable, and mention nobody.
    let may_mention = matches!(case.event.kind.class(), KindClass::Regular | KindClass::Ephemeral);
    if most == 0 || !may_mention {
        return Ok(());
    }
    let mentions = case
        .event
        .tags
        .iter()
        .filter(|tag| tag.name() == Some("p"))
        .count();
    if mentions > most {
        let text = format!("more than {most} people are mentioned");
        return Err(Reason::new(Prefix::Blocked, text));
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
        for (kind, mentions, most, expected) in [
            (1, 3, 0, None),
            (1, 2, 2, None),
            (1, 3, 2, Some(Prefix::Blocked)),
            (20_001, 3, 2, Some(Prefix::Blocked)),
            (3, 3, 2, None),
            (30_000, 3, 2, None),
        ] {
            let event = (0..mentions).fold(event(kind).tag(["e", "x"]), |event, _| event.tag(["p", "x"]));
            let policy = Policy {
                max_mentions: most,
                ..policy()
            };
            assert_eq!(
                ask(check, &event, &policy, 0),
                expected,
                "{kind} {mentions} {most}"
            );
        }
    }
}
