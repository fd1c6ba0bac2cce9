//! What an event must be like to be accepted. Each rule is a function of the event, its sender, the time and the
//! configuration, and nothing else.

mod authors;
mod created_at;
mod delegation;
mod expiration;
mod kinds;
mod mentions;
mod protected;
mod size;
mod vanish;
mod work;

use protocol::{AuthLevel, Event, Filter, Kind, Prefix, Reason, RelayUrl, Rulings, VerifiedEvent};
use queue::jobs::Client;
use runtime::config::{Config, KindRule, Policy};

pub use vanish::is_for_us;

/// What a rule looks at.
pub struct Case<'a> {
    /// The event.
    pub event: &'a Event,
    /// Bytes of its JSON.
    pub bytes: usize,
    /// Who sends it; `None` for an import, which nobody sends.
    pub client: Option<&'a Client>,
    /// What operators decided, the configured lists included.
    pub rulings: &'a Rulings,
    /// Unix seconds.
    pub now: u64,
    /// What this relay is known by, as far as it is configured.
    pub urls: &'a [RelayUrl],
}

impl<'a> Case<'a> {
    /// Of a checked event, at a relay of which no URL is known.
    pub fn of(event: &'a VerifiedEvent, client: Option<&'a Client>, rulings: &'a Rulings, now: u64) -> Self {
        Self {
            event: event.event(),
            bytes: event.json().len(),
            client,
            rulings,
            now,
            urls: &[],
        }
    }

    /// What is said of its kind, if anything.
    fn rule<'p>(&self, policy: &'p Policy) -> Option<&'p KindRule> {
        policy.rule(self.event.kind.0)
    }
}

/// A rule: the reason to refuse, or nothing.
type Rule = fn(&Case<'_>, &Policy) -> Result<(), Reason>;

/// In the order of their cost.
const RULES: [Rule; 9] = [
    kinds::check,
    created_at::check,
    size::check,
    work::check,
    expiration::check,
    mentions::check,
    authors::check,
    protected::check,
    delegation::check,
];

/// Asks every rule.
pub fn check(case: &Case<'_>, config: &Config) -> Result<(), Reason> {
    // NIP-62: whatever else a relay asks of those who write, whoever wants to vanish may.
    if case.event.kind == Kind::VANISH {
        return vanish::check(case, &config.policy);
    }
    if let Some(client) = case.client {
        min_level(client, config.min_level_of(case.event.kind.0))?;
    }
    RULES.iter().try_for_each(|rule| rule(case, &config.policy))
}

/// Whether a connection may ask for this, by a command that in general needs this auth level.
pub fn may_ask(client: &Client, filters: &[Filter], min: u8, config: &Config) -> Result<(), Reason> {
    let kinds = filters.iter().map(|filter| filter.kinds.as_deref());
    min_level(client, config.min_level_to_ask(min, kinds))
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
    use super::*;

    /// The defaults.
    pub(super) fn policy() -> Policy {
        runtime::config::Config::from_sources(None, []).unwrap().policy
    }

    /// What a rule says of an event, by the configuration alone: nothing, or the prefix.
    pub(super) fn ask(
        rule: Rule,
        event: &testkit::EventBuilder,
        policy: &Policy,
        now: u64,
    ) -> Option<Prefix> {
        ask_for(rule, event, policy, now, &Client::default())
    }

    /// The same of a certain client.
    pub(super) fn ask_for(
        rule: Rule,
        event: &testkit::EventBuilder,
        policy: &Policy,
        now: u64,
        client: &Client,
    ) -> Option<Prefix> {
        let event = event.verified();
        let rulings = Rulings::default()
            .and_kinds(&policy.allowed_kinds, &policy.denied_kinds)
            .and_pubkeys(&policy.allowed_pubkeys, &policy.denied_pubkeys);
        rule(&Case::of(&event, Some(client), &rulings, now), policy)
            .err()
            .map(|reason| reason.prefix)
    }

    /// Somebody who has proven these keys.
    pub(super) fn client(level: AuthLevel, names: &[&str]) -> Client {
        let key = |name: &&str| testkit::Keys::of(name).pubkey().parse().unwrap();
        Client {
            pubkeys: names.iter().map(key).collect(),
            level,
        }
    }

    #[test]
    fn a_kind_may_ask_for_a_level_of_its_own() {
        let file = "[auth]\nmin_level_event = 1\n[[policy.kinds]]\nkinds = [4]\nmin_level = 2\n\
                    [[policy.kinds]]\nkinds = [10002]\nmin_level = 0\n";
        let config = Config::from_sources(Some(file), []).unwrap();
        let ask = |kind, client: &Client| {
            let event = testkit::event(kind).at(1).verified();
            check(&Case::of(&event, Some(client), &Rulings::default(), 1), &config)
                .err()
                .map(|reason| reason.prefix)
        };
        let (stranger, key) = (Client::default(), client(AuthLevel::Key, &["alice"]));
        assert_eq!(ask(1, &stranger), Some(Prefix::AuthRequired));
        assert_eq!(ask(1, &key), None);
        assert_eq!(ask(4, &key), Some(Prefix::Restricted));
        assert_eq!(ask(4, &client(AuthLevel::Registered, &["alice"])), None);
        assert_eq!(ask(10_002, &stranger), None);
    }

    #[test]
    fn levels_are_asked_for_by_their_name() {
        let client = |level| client(level, &["alice"]);
        let prefix = |client: &Client, min| min_level(client, min).err().map(|reason| reason.prefix);
        assert_eq!(prefix(&Client::default(), 0), None);
        assert_eq!(prefix(&Client::default(), 1), Some(Prefix::AuthRequired));
        assert_eq!(prefix(&client(AuthLevel::Key), 1), None);
        assert_eq!(prefix(&client(AuthLevel::Key), 2), Some(Prefix::Restricted));
    }
}
