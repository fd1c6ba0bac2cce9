//! Who may see what: messages between people are for their parties only
//! ([NIP-04](https://nips.nostr.com/4), [NIP-17](https://nips.nostr.com/17), [NIP-59](https://nips.nostr.com/59)).
//!
//! One rule for stored events, for the window in memory, for counts and for live ones: [`Reader::may_see`]. Where rows are
//! counted or cut by a limit, the rule has to be part of the question: [`Reader::views`] puts it into filters.

use std::borrow::Cow;

use crate::{Event, Filter, Kind, Prefix, PublicKey, Reason, TagFilter};

/// The kinds that only their author and the recipients in their `p` tags may see.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PrivateKinds(&'static [u16]);

impl PrivateKinds {
    /// Every kind is for everybody.
    pub const NONE: Self = Self(&[]);

    /// Kind 4, and what belongs to gift wraps: seals, the messages that should never leave them, and the wraps themselves.
    pub const fn new(direct_messages: bool, gift_wraps: bool) -> Self {
        Self(match (direct_messages, gift_wraps) {
            (true, true) => &[4, 13, 14, 15, 1059, 21_059],
            (true, false) => &[4],
            (false, true) => &[13, 14, 15, 1059, 21_059],
            (false, false) => &[],
        })
    }

    /// Whether this kind is for its parties only.
    pub fn contains(self, kind: Kind) -> bool {
        self.0.binary_search(&kind.0).is_ok()
    }
}

/// Somebody who asks for events.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'k> {
    private: PrivateKinds,
    /// The keys that have been proven (NIP-42).
    keys: &'k [PublicKey],
}

/// A part of what a filter asks for, all of which its reader may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View<'f> {
    /// The filter, narrowed where it has to be.
    pub filter: Cow<'f, Filter>,
    /// Kinds that are left out; empty when the filter names its kinds.
    pub without: &'static [u16],
    /// Whether it holds private messages only.
    pub is_private: bool,
}

impl<'f> View<'f> {
    /// All of a filter.
    pub fn of(filter: &'f Filter) -> Self {
        Self {
            filter: Cow::Borrowed(filter),
            without: &[],
            is_private: false,
        }
    }
}

impl<'k> Reader<'k> {
    /// Nothing is kept from the operator.
    pub const OPERATOR: Reader<'static> = Reader {
        private: PrivateKinds::NONE,
        keys: &[],
    };

    /// Who has proven these keys.
    pub const fn new(private: PrivateKinds, keys: &'k [PublicKey]) -> Self {
        Self { private, keys }
    }

    /// The rule. `is_recipient`: whether a `p` tag of the event names this key.
    pub fn may_see(&self, kind: Kind, author: &PublicKey, is_recipient: impl Fn(&PublicKey) -> bool) -> bool {
        !self.private.contains(kind) || self.keys.iter().any(|key| key == author || is_recipient(key))
    }

    /// The rule, for an event that is at hand.
    pub fn may_see_event(&self, event: &Event) -> bool {
        self.may_see(event.kind, &event.pubkey, |key| {
            let key = key.to_string();
            event
                .tags
                .indexed()
                .any(|(letter, value)| letter == b'p' && value == key)
        })
    }

    /// What has been proven.
    pub fn keys(&self) -> &'k [PublicKey] {
        self.keys
    }

    /// What is not for everybody.
    pub fn private_kinds(&self) -> &'static [u16] {
        self.private.0
    }

    /// Whether a kind is kept from those who are no party. Such messages are by who signed them, and by nobody else (NIP-26).
    pub fn keeps(&self, kind: Kind) -> bool {
        self.private.contains(kind)
    }

    /// Whether the filter may match events that are not for everybody.
    pub fn is_concerned(&self, filter: &Filter) -> bool {
        if filter.searched().is_some() {
            // They are not searchable, whoever searches.
            return false;
        }
        match &filter.kinds {
            Some(kinds) => self
                .private
                .0
                .iter()
                .any(|kind| kinds.binary_search(kind).is_ok()),
            None => !self.private.0.is_empty(),
        }
    }

    /// Whether nothing that the filter matches is kept from this reader, whatever is stored.
    pub fn sees_all(&self, filter: &Filter) -> bool {
        let mut recipients = filter.tags.iter().filter(|tag| tag.letter == b'p');
        let is_key = |value: &String| self.keys.iter().any(|key| key.to_string() == *value);
        !self.is_concerned(filter)
            || (filter.authors.as_ref())
                .is_some_and(|authors| authors.iter().all(|key| self.keys.contains(key)))
            || recipients.any(|tag| tag.values.iter().all(is_key))
    }

    /// The views of several filters.
    pub fn views_of<'f>(&self, filters: &'f [Filter]) -> Vec<View<'f>> {
        filters.iter().flat_map(|filter| self.views(filter)).collect()
    }

    /// The filter as filters that match just what this reader may see of it; an event may match several of them. Their limit
    /// is that of the filter. A filter that is not concerned is its own and only view.
    pub fn views<'f>(&self, filter: &'f Filter) -> Vec<View<'f>> {
        if !self.is_concerned(filter) {
            return vec![View::of(filter)];
        }
        let (private, public): (Vec<u16>, Option<Vec<u16>>) = match &filter.kinds {
            Some(kinds) => {
                let (private, public) = kinds.iter().partition(|kind| self.private.contains(Kind(**kind)));
                (private, Some(public))
            }
            None => (self.private.0.to_vec(), None),
        };
        let for_everybody = View {
            without: if public.is_none() { self.private.0 } else { &[] },
            filter: match public {
                Some(kinds) => Cow::Owned(Filter {
                    kinds: Some(kinds),
                    ..filter.clone()
                }),
                None => Cow::Borrowed(filter),
            },
            is_private: false,
        };
        let own = self
            .own(filter, private)
            .into_iter()
            .flatten()
            .map(|filter| View {
                filter: Cow::Owned(filter),
                without: &[],
                is_private: true,
            });
        let mut views: Vec<_> = std::iter::once(for_everybody).chain(own).collect();
        views.retain(|view| !view.filter.matches_nothing());
        views
    }

    /// What this reader wrote, and what this reader received.
    fn own(&self, filter: &Filter, kinds: Vec<u16>) -> Option<[Filter; 2]> {
        if self.keys.is_empty() {
            return None;
        }
        let mut keys = self.keys.to_vec();
        keys.sort_unstable();
        let mut received = Filter {
            kinds: Some(kinds),
            ..filter.clone()
        };
        let mut written = received.clone();
        // Beside a condition on `p` that the filter may have already: both must hold, though by different tags.
        received.tags.push(TagFilter {
            letter: b'p',
            values: keys.iter().map(PublicKey::to_string).collect(),
            first: 0,
        });
        written.authors = Some(match &filter.authors {
            Some(authors) => keys
                .into_iter()
                .filter(|key| authors.binary_search(key).is_ok())
                .collect(),
            None => keys,
        });
        Some([written, received])
    }

    /// Why a filter cannot be served at all: it asks for nothing but private kinds, and shows no own key for it. Other filters
    /// are served, without what is not for this reader.
    pub fn refusal(&self, filter: &Filter) -> Option<Reason> {
        let kinds = filter.kinds.as_deref().filter(|kinds| !kinds.is_empty())?;
        if self.private.0.is_empty() || !kinds.iter().all(|kind| self.private.contains(Kind(*kind))) {
            return None;
        }
        if self.keys.is_empty() {
            let text = "private messages are for their parties only, authenticate first (NIP-42)";
            return Some(Reason::new(Prefix::AuthRequired, text));
        }
        let is_own = |key: &PublicKey| self.keys.contains(key);
        let by_others = filter.authors.as_ref().map(|authors| !authors.iter().any(is_own));
        let recipients = filter.tags.iter().find(|tag| tag.letter == b'p');
        let to_others =
            recipients.map(|tag| !self.keys.iter().any(|key| tag.values.contains(&key.to_string())));
        // Who receives a direct message may ask by author alone, and who wrote it by recipient. A wrap is written by nobody.
        let has_messages = kinds.contains(&Kind::DIRECT_MESSAGE.0);
        let is_refused = match (by_others, to_others) {
            (Some(true), Some(true)) => true,
            (None, Some(true)) => !has_messages,
            _ => false,
        };
        is_refused.then(|| Reason::new(Prefix::Restricted, "these private messages are not yours"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ALL: PrivateKinds = PrivateKinds::new(true, true);

    fn key(n: u8) -> PublicKey {
        PublicKey::from_bytes([n; 32])
    }

    fn filter(json: Value) -> Filter {
        serde_json::from_value(json).unwrap()
    }

    fn views(keys: &[PublicKey], of: Value) -> Vec<Value> {
        let (reader, filter) = (Reader::new(ALL, keys), filter(of));
        let views = reader.views(&filter);
        let json = |view: &View<'_>| {
            let mut json = serde_json::to_value(view.filter.as_ref()).unwrap();
            if !view.without.is_empty() {
                json["without"] = json!(view.without);
            }
            json
        };
        views.iter().map(json).collect()
    }

    #[test]
    fn who_is_no_party_sees_nothing_of_a_message() {
        let (alice, bob, carol) = (key(1), key(2), key(3));
        let sees = |private, keys: &[PublicKey], kind| {
            Reader::new(private, keys).may_see(Kind(kind), &alice, |key| *key == bob)
        };
        for kind in [4, 13, 14, 15, 1059, 21_059] {
            assert!(!sees(ALL, &[], kind), "{kind}");
            assert!(!sees(ALL, &[carol], kind), "{kind}");
            assert!(sees(ALL, &[alice], kind), "{kind}");
            assert!(sees(ALL, &[carol, bob], kind), "{kind}");
            assert!(sees(PrivateKinds::NONE, &[], kind), "{kind}");
        }
        assert!(sees(ALL, &[], 1));
        assert!(sees(PrivateKinds::new(false, true), &[], 4));
        assert!(sees(PrivateKinds::new(true, false), &[], 1059));
        assert!(!sees(PrivateKinds::new(true, false), &[], 4));
    }

    #[test]
    fn a_filter_that_is_not_concerned_stays_as_it_is() {
        let notes = json!({"kinds": [1, 7], "limit": 3});
        assert_eq!(views(&[key(1)], notes.clone()), [notes]);
    }

    #[test]
    fn views_hold_what_a_reader_may_see_and_no_more() {
        let (me, other) = (key(1).to_string(), key(2).to_string());
        assert_eq!(views(&[], json!({"kinds": [1, 4]})), [json!({"kinds": [1]})]);
        assert_eq!(
            views(&[], json!({})),
            [json!({"without": [4, 13, 14, 15, 1059, 21_059]})]
        );
        assert!(views(&[], json!({"kinds": [4]})).is_empty());
        assert_eq!(
            views(&[key(1)], json!({"kinds": [1, 4], "authors": [other]})),
            [
                json!({"kinds": [1], "authors": [other]}),
                json!({"kinds": [4], "authors": [other], "#p": [me]}),
            ]
        );
        assert_eq!(
            views(&[key(1)], json!({"kinds": [1059]})),
            [
                json!({"kinds": [1059], "authors": [me]}),
                json!({"kinds": [1059], "#p": [me]}),
            ]
        );
    }

    #[test]
    fn filters_for_the_messages_of_others_are_refused() {
        let (alice, bob) = (key(1).to_string(), key(2).to_string());
        let (required, restricted) = (Some(Prefix::AuthRequired), Some(Prefix::Restricted));
        let cases = [
            (json!({"kinds": [4]}), required, None),
            (json!({"kinds": [4, 1059]}), required, None),
            (json!({"kinds": [4], "authors": [bob]}), required, None),
            (json!({"kinds": [4], "#p": [bob]}), required, None),
            (
                json!({"kinds": [4], "authors": [alice], "#p": [bob]}),
                required,
                None,
            ),
            (
                json!({"kinds": [4], "authors": [bob], "#p": [alice]}),
                required,
                None,
            ),
            (
                json!({"kinds": [4], "authors": [bob], "#p": [bob]}),
                required,
                restricted,
            ),
            (json!({"kinds": [1059], "#p": [alice]}), required, None),
            (json!({"kinds": [1059], "#p": [bob]}), required, restricted),
            (json!({"kinds": [1, 4]}), None, None),
            (json!({"kinds": []}), None, None),
            (json!({}), None, None),
        ];
        for (json, anonymous, as_alice) in cases {
            let refusal = |keys: &[PublicKey]| {
                let reason = Reader::new(ALL, keys).refusal(&filter(json.clone()));
                reason.map(|reason| reason.prefix)
            };
            assert_eq!(refusal(&[]), anonymous, "{json}");
            assert_eq!(refusal(&[key(1)]), as_alice, "{json}");
        }
    }
}
