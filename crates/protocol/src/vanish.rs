//! Requests to vanish ([NIP-62](https://nips.nostr.com/62)).

use crate::{Event, Kind, RelayUrl};

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

    /// Whether this event goes when the author of `request` vanishes: written by the same key, or a gift wrap to it.
    pub fn vanishes_by(&self, request: &Self) -> bool {
        let is_to_author = || {
            let author = request.pubkey.to_string();
            self.tags
                .indexed()
                .any(|(letter, value)| letter == b'p' && value == author)
        };
        self.kind != Kind::VANISH
            && self.created_at <= request.created_at
            && (self.pubkey == request.pubkey || self.kind == Kind::GIFT_WRAP && is_to_author())
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
    fn what_goes_is_of_the_author_or_wrapped_to_them_and_not_later() {
        let request = event(1, 62, 5, &[["relay", "ALL_RELAYS"]]);
        let author = request.pubkey.to_string();
        let to_author = [["p", author.as_str()]];
        for (of, goes) in [
            (event(1, 1, 5, &[]), true),
            (event(1, 5, 4, &[]), true),
            (event(1, 1, 6, &[]), false),
            (event(1, 62, 4, &[]), false),
            (event(2, 1, 5, &to_author), false),
            (event(2, 1059, 5, &to_author), true),
            (event(2, 1059, 6, &to_author), false),
            (event(2, 1059, 5, &[]), false),
        ] {
            assert_eq!(of.vanishes_by(&request), goes, "{of:?}");
        }
    }
}
