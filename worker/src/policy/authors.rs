//! Authors that may write here, and those that may not.

use protocol::{Prefix, PublicKey, Reason};
use runtime::config::Policy;

use super::Case;

pub(super) fn check(case: &Case<'_>, policy: &Policy) -> Result<(), Reason> {
    let rulings = case.rulings;
    if rulings.banned_pubkeys.is_empty() && rulings.allowed_pubkeys.is_empty() {
        return Ok(());
    }
    // Who may not write may not let others write for him.
    let delegator = policy.delegation.then(|| case.event.delegator()).flatten();
    let is_banned = |key: &PublicKey| rulings.banned_pubkeys.contains(key);
    if is_banned(&case.event.pubkey) || delegator.as_ref().is_some_and(is_banned) {
        return Err(Reason::new(Prefix::Blocked, "this author may not write here"));
    }
    if rulings.allowed_pubkeys.is_empty() || case.rule(policy).is_some_and(|rule| rule.open) {
        return Ok(());
    }
    // Who is welcome may publish for others: wallets and helpers sign with keys of their own.
    let keys = case.client.map_or(&[][..], |client| &client.pubkeys[..]);
    let is_welcome = |key: &PublicKey| rulings.allowed_pubkeys.contains(key);
    if is_welcome(&case.event.pubkey) || keys.iter().any(is_welcome) {
        return Ok(());
    }
    Err(Reason::new(
        Prefix::Restricted,
        "this relay is for certain authors only",
    ))
}

#[cfg(test)]
mod tests {
    use protocol::AuthLevel;
    use runtime::config::KindRule;
    use testkit::{Keys, event};

    use super::*;
    use crate::policy::tests::{ask_for, client, policy};

    #[test]
    fn cases() {
        let keys = |names: &[&str]| names.iter().map(|name| Keys::of(name).pubkey()).collect();
        let (blocked, restricted) = (Some(Prefix::Blocked), Some(Prefix::Restricted));
        for (allowed, denied, author, proven, kind, expected) in [
            (&[][..], &[][..], "alice", &[][..], 1, None),
            (&[], &["mallory"], "alice", &[], 1, None),
            (&[], &["mallory"], "mallory", &[], 1, blocked),
            (&["alice"], &[], "alice", &[], 1, None),
            (&["alice"], &[], "bob", &[], 1, restricted),
            (&["alice"], &[], "bob", &["bob"], 1, restricted),
            (&["alice"], &[], "bob", &["bob", "alice"], 1, None),
            (&["alice"], &["alice"], "alice", &["alice"], 1, blocked),
            (&["alice"], &["mallory"], "mallory", &["alice"], 1, blocked),
            (&["alice"], &["mallory"], "bob", &[], 10_002, None),
            (&["alice"], &["mallory"], "mallory", &[], 10_002, blocked),
        ] {
            let policy = Policy {
                allowed_pubkeys: keys(allowed),
                denied_pubkeys: keys(denied),
                kinds: vec![KindRule {
                    kinds: vec![10_002],
                    open: true,
                    ..KindRule::default()
                }],
                ..policy()
            };
            assert_eq!(
                ask_for(
                    check,
                    &event(kind).by(author),
                    &policy,
                    0,
                    &client(AuthLevel::Key, proven)
                ),
                expected,
                "{allowed:?} {denied:?} {author} {proven:?} {kind}"
            );
        }
    }
}
