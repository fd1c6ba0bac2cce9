//! Requests to vanish ([NIP-62](https://nips.nostr.com/62)): only those that are for this relay.

use protocol::{Event, Kind, Prefix, Reason, RelayUrl};
use queue::jobs::Client;
use runtime::config::Policy;

use super::{Case, created_at};

/// Whoever else is asked: what is stored of a request that is not for this relay would remove events here.
pub fn is_for_us(event: &Event, client: Option<&Client>, urls: &[RelayUrl]) -> Result<(), Reason> {
    // relay-ws has looked at what a client sends, and knows the host that the client meant.
    let is_ours =
        event.kind != Kind::VANISH || event.asks_to_vanish_from(urls) || client.is_some() && urls.is_empty();
    if is_ours {
        return Ok(());
    }
    let text = "no relay tag of this request to vanish names this relay";
    Err(Reason::new(Prefix::Invalid, text))
}

pub(super) fn check(case: &Case<'_>, policy: &Policy) -> Result<(), Reason> {
    is_for_us(case.event, case.client, case.urls)?;
    // A request from the future would keep its author away until then.
    let limits = Policy {
        created_at_lower_limit: 0,
        ..policy.clone()
    };
    created_at::check(case, &limits)
}

#[cfg(test)]
mod tests {
    use protocol::Rulings;
    use testkit::event;

    use super::*;
    use crate::policy::tests::policy;

    #[test]
    fn cases() {
        let ours = [RelayUrl::parse("wss://relay.example").unwrap()];
        let (client, rulings) = (Client::default(), Rulings::default());
        let policy = Policy {
            created_at_lower_limit: 10,
            created_at_upper_limit: 10,
            ..policy()
        };
        for (relay, at, client, urls, expected) in [
            ("wss://relay.example/", 1000, Some(&client), &ours[..], None),
            (
                "wss://elsewhere.example",
                1000,
                Some(&client),
                &ours,
                Some(Prefix::Invalid),
            ),
            ("ALL_RELAYS", 1, Some(&client), &ours, None),
            ("ALL_RELAYS", 1011, Some(&client), &ours, Some(Prefix::Invalid)),
            ("wss://any.example", 1000, Some(&client), &[], None),
            ("wss://any.example", 1000, None, &[], Some(Prefix::Invalid)),
            ("ALL_RELAYS", 1000, None, &[], None),
        ] {
            let event = event(62).tag(["relay", relay]).at(at).verified();
            let case = Case {
                urls,
                ..Case::of(&event, client, &rulings, 1000)
            };
            let refused = check(&case, &policy).err().map(|reason| reason.prefix);
            assert_eq!(refused, expected, "{relay} {at}");
        }
    }
}
