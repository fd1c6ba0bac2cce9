//! Authors that may not write here.

use protocol::{Prefix, Reason};
use runtime::config::Policy;

use super::Case;

pub(super) fn check(case: &Case<'_>, policy: &Policy) -> Result<(), Reason> {
    if policy.denied_pubkeys.is_empty() {
        return Ok(());
    }
    let author = case.event.pubkey.to_string();
    if policy.denied_pubkeys.contains(&author) {
        return Err(Reason::new(Prefix::Blocked, "this author may not write here"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use testkit::{Keys, note};

    use super::*;
    use crate::policy::tests::{ask, policy};

    #[test]
    fn cases() {
        let policy = Policy {
            denied_pubkeys: vec![Keys::of("mallory").pubkey()],
            ..policy()
        };
        assert_eq!(
            ask(check, &note("").by("mallory"), &policy, 0),
            Some(Prefix::Blocked)
        );
        assert_eq!(ask(check, &note("").by("alice"), &policy, 0), None);
    }
}
