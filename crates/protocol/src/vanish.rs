//! Requests to vanish ([NIP-62](https://nips.nostr.com/62)).

use crate::{Event, Kind, PublicKey, RelayUrl};

impl Event {
    /// Whether a request to vanish is for one of these relays: one of its `relay` tags names it, or all relays there are.
    pub fn asks_to_vanish_from(&self, own: &[RelayUrl]) -> bool {
        self.kind == Kind::VANISH
            && self.tags.iter().any(|tag| {
                tag.name() == Some("relay")
                    && tag.value().is_some_and(|value| {
                        value == "ALL_RELAYS" || RelayUrl::parse(value).is_some_and(|url| own.contains(&url))
                    })
            })
    }

    /// The keys whose requests to vanish take this event along, if it is not later: its author's, those that a gift wrap is
    /// for, and, where delegation counts, the one that it was signed for ([NIP-26](https://nips.nostr.com/26)): it says what
    /// that one had said, and names them.
    pub fn vanishes_with(&self, delegation: bool) -> impl Iterator<Item = PublicKey> {
        let recipients = self.tags.indexed().filter(|(letter, _)| *letter == b'p');
        let recipients = recipients.filter_map(|(_, key)| key.parse().ok());
        let delegator = self.delegator().filter(|_| delegation);
        std::iter::once(self.pubkey)
            .chain(recipients.filter(|_| self.kind == Kind::GIFT_WRAP))
            .chain(delegator)
            .filter(|_| self.kind != Kind::VANISH)
    }

    /// Whether this event goes when the author of `request` vanishes.
    pub fn vanishes_by(&self, request: &Self, delegation: bool) -> bool {
        self.created_at <= request.created_at
            && self.vanishes_with(delegation).any(|key| key == request.pubkey)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(author: u8, kind: u16, at: u64, tags: &[[&str; 2]]) -> Event {
        let hex = |n: u8, len: usize| format!("{n:02x}").repeat(len);
        serde_json::from_value(json!({
            "id": hex(0, 32), "pubkey": hex(author, 32), "created_at": at, "kind": kind, "tags": tags, "content": "",
            "sig": hex(0, 64),
        }))
        .unwrap()
    }

    #[test]
    fn a_request_names_its_relays() {
        let own = [RelayUrl::parse("wss://relay.example").unwrap()];
        for (tags, is_ours) in [
            (&[["relay", "ALL_RELAYS"]][..], true),
            (
                &[
                    ["relay", "wss://elsewhere.example"],
                    ["relay", "wss://RELAY.example/"],
                ],
                true,
            ),
            (&[["relay", "wss://elsewhere.example"]], false),
            (&[["relay", "wss://relay.example/other"]], false),
            (&[["relay", "all_relays"]], false),
            (&[["r", "ALL_RELAYS"]], false),
            (&[], false),
        ] {
            assert_eq!(
                event(1, 62, 5, tags).asks_to_vanish_from(&own),
                is_ours,
                "{tags:?}"
            );
        }
        assert!(!event(1, 1, 5, &[["relay", "ALL_RELAYS"]]).asks_to_vanish_from(&own));
    }

    #[test]
    fn what_goes_is_of_the_author_or_wrapped_to_them_or_signed_for_them_and_not_later() {
        let request = event(1, 62, 5, &[["relay", "ALL_RELAYS"]]);
        let author = request.pubkey.to_string();
        let to_author = [["p", author.as_str()]];
        let for_author = [["delegation", author.as_str()]];
        for (of, goes) in [
            (event(1, 1, 5, &[]), true),
            (event(1, 5, 4, &[]), true),
            (event(1, 1, 6, &[]), false),
            (event(1, 62, 4, &[]), false),
            (event(2, 1, 5, &to_author), false),
            (event(2, 1059, 5, &to_author), true),
            (event(2, 1059, 6, &to_author), false),
            (event(2, 1059, 5, &[]), false),
            (event(2, 1, 5, &for_author), true),
            (event(2, 1, 6, &for_author), false),
            (event(2, 62, 5, &for_author), false),
        ] {
            assert_eq!(of.vanishes_by(&request, true), goes, "{of:?}");
        }
        assert!(!event(2, 1, 5, &for_author).vanishes_by(&request, false));
    }
}
