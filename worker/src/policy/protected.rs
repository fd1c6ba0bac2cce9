//! Protected events ([NIP-70](https://nips.nostr.com/70)): only their author, authenticated, may publish them.

use protocol::{Event, Prefix, Reason};
use runtime::config::Policy;

use super::Case;

/// Reposts: their content may be the reposted event.
const REPOSTS: [u16; 2] = [6, 16];

pub(super) fn check(case: &Case<'_>, _: &Policy) -> Result<(), Reason> {
    if REPOSTS.contains(&case.event.kind.0) && embeds_protected(&case.event.content) {
        return Err(Reason::new(
            Prefix::Blocked,
            "a repost must not embed a protected event",
        ));
    }
    if !case.event.is_protected() {
        return Ok(());
    }
    const TEXT: &str = "this event may only be published by its author";
    match case.client {
        Some(client) if client.pubkeys.contains(&case.event.pubkey) => Ok(()),
        Some(client) if !client.is_anonymous() => Err(Reason::new(Prefix::Restricted, TEXT)),
        _ => Err(Reason::new(Prefix::AuthRequired, TEXT)),
    }
}

fn embeds_protected(content: &str) -> bool {
    // A repost of a repost embeds what the inner one embeds.
    let mut content = content.to_owned();
    while let Ok(event) = serde_json::from_str::<Event>(&content) {
        if event.is_protected() {
            return true;
        }
        content = event.content;
    }
    false
}

#[cfg(test)]
mod tests {
    use protocol::AuthLevel;
    use testkit::{EventBuilder, event, note};

    use super::*;
    use crate::policy::tests::{ask_for, client, policy};

    fn ask(event: &EventBuilder, authenticated: &[&str]) -> Option<Prefix> {
        ask_for(
            check,
            event,
            &policy(),
            0,
            &client(AuthLevel::Anonymous, authenticated),
        )
    }

    #[test]
    fn cases() {
        let protected = note("").tag(["-"]);
        assert_eq!(ask(&note(""), &[]), None);
        assert_eq!(ask(&protected, &[]), Some(Prefix::AuthRequired));
        assert_eq!(ask(&protected, &["bob"]), Some(Prefix::Restricted));
        assert_eq!(ask(&protected, &["bob", "alice"]), None);
    }

    #[test]
    fn reposts_do_not_smuggle() {
        let repost = |kind, inner: &EventBuilder| event(kind).by("bob").content(&inner.sign().to_string());
        let protected = note("").tag(["-"]);
        assert_eq!(ask(&repost(6, &note("")), &["bob"]), None);
        assert_eq!(
            ask(&repost(6, &protected), &["alice", "bob"]),
            Some(Prefix::Blocked)
        );
        assert_eq!(ask(&repost(16, &protected), &[]), Some(Prefix::Blocked));
        assert_eq!(
            ask(&repost(6, &repost(16, &protected)), &[]),
            Some(Prefix::Blocked)
        );
        assert_eq!(ask(&event(6).content("not an event"), &[]), None);
    }
}
