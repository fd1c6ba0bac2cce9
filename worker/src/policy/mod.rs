//! What an event must be like to be accepted. Each rule is a function of the event, its sender, the time and the
//! configuration, and nothing else.

mod authors;
mod created_at;
mod expiration;
mod kinds;
mod protected;
mod work;

use protocol::{AuthLevel, Event, Prefix, Reason};
use queue::jobs::Client;
use runtime::config::{Auth, Policy};

/// What a rule looks at.
pub struct Case<'a> {
    /// The event.
    pub event: &'a Event,
    /// Who sends it; `None` for an import, which nobody sends.
    pub client: Option<&'a Client>,
    /// Unix seconds.
    pub now: u64,
}

/// A rule: the reason to refuse, or nothing.
type Rule = fn(&Case<'_>, &Policy) -> Result<(), Reason>;

/// In the order of their cost.
const RULES: [Rule; 6] = [
    kinds::check,
    created_at::check,
    work::check,
    expiration::check,
    authors::check,
    protected::check,
];

/// Asks every rule.
pub fn check(case: &Case<'_>, policy: &Policy, auth: &Auth) -> Result<(), Reason> {
    if let Some(client) = case.client {
        min_level(client, auth.min_level_event)?;
    }
    RULES.iter().try_for_each(|rule| rule(case, policy))
}

/// Whether a connection may do what needs this auth level.
pub fn min_level(client: &Client, min: u8) -> Result<(), Reason> {
    if u8::from(client.level) >= min {
        return Ok(());
    }
    Err(if client.level == AuthLevel::Anonymous {
        Reason::new(Prefix::AuthRequired, "authenticate first (NIP-42)")
    } else {
        Reason::new(Prefix::Restricted, "your key is not allowed to do this here")
    })
}

#[cfg(test)]
mod tests {
    use protocol::PublicKey;

    use super::*;

    /// The defaults.
    pub(super) fn policy() -> Policy {
        runtime::config::Config::from_sources(None, []).unwrap().policy
    }

    /// What a rule says of an event: nothing, or the prefix.
    pub(super) fn ask(
        rule: Rule,
        event: &testkit::EventBuilder,
        policy: &Policy,
        now: u64,
    ) -> Option<Prefix> {
        let event = event.verified();
        let case = Case {
            event: event.event(),
            client: Some(&Client::default()),
            now,
        };
        rule(&case, policy).err().map(|reason| reason.prefix)
    }

    #[test]
    fn levels_are_asked_for_by_their_name() {
        let client = |level| Client {
            pubkeys: vec![PublicKey::from_bytes([1; 32])],
            level,
        };
        let prefix = |client: &Client, min| min_level(client, min).err().map(|reason| reason.prefix);
        assert_eq!(prefix(&Client::default(), 0), None);
        assert_eq!(prefix(&Client::default(), 1), Some(Prefix::AuthRequired));
        assert_eq!(prefix(&client(AuthLevel::Key), 1), None);
        assert_eq!(prefix(&client(AuthLevel::Key), 2), Some(Prefix::Restricted));
    }
}
