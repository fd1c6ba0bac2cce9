//! What a subscription asks for.

use crate::{Event, EventId, PublicKey, Search};

/// One filter of a REQ or COUNT: all its conditions hold together ([NIP-01](https://nips.nostr.com/1)).
///
/// An absent list matches everything, an empty one nothing. Lists are sorted and hold each value once; the letters of the tags
/// stand in the order in which the client wrote them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// `"ids"`.
    pub ids: Option<Vec<EventId>>,
    /// `"authors"`.
    pub authors: Option<Vec<PublicKey>>,
    /// `"kinds"`: numbers that no kind has are left out, they match nothing.
    pub kinds: Option<Vec<u16>>,
    /// `"#e"`, `"#P"`, …: each letter once.
    pub tags: Vec<TagFilter>,
    /// Oldest `created_at`, inclusive, unix seconds.
    pub since: Option<u64>,
    /// Newest `created_at`, inclusive, unix seconds.
    pub until: Option<u64>,
    /// Most stored events to send; says nothing about live ones.
    pub limit: Option<u32>,
    /// `"search"` ([NIP-50](https://nips.nostr.com/50)).
    pub search: Option<Search>,
}

/// The condition on the tags of one letter: one of the values must be the first value of such a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagFilter {
    /// `a-z` or `A-Z`; case matters.
    pub letter: u8,
    /// Sorted, each once.
    pub values: Vec<String>,
    /// Where in `values` the one stands that the client wrote first: NIP-45 makes something of it.
    pub first: usize,
}

impl Filter {
    /// Whether an event meets every condition. `limit` is none, and `search` is apart: it takes the words
    /// of the event ([`search::Searchable`](crate::search::Searchable)).
    pub fn matches(&self, event: &Event) -> bool {
        self.matches_for(event, None)
    }

    /// The same of an event that was signed for another key (NIP-26): it has two authors.
    pub fn matches_for(&self, event: &Event, delegator: Option<PublicKey>) -> bool {
        self.since.is_none_or(|since| event.created_at >= since)
            && self.until.is_none_or(|until| event.created_at <= until)
            && holds(self.kinds.as_deref(), &event.kind.0)
            && (holds(self.authors.as_deref(), &event.pubkey)
                || delegator.is_some_and(|key| holds(self.authors.as_deref(), &key)))
            && holds(self.ids.as_deref(), &event.id)
            && self.tags.iter().all(|tag| tag.matches(event))
    }

    /// Whether no event at all can match: a list is empty, the time window is, or the search has no word.
    pub fn matches_nothing(&self) -> bool {
        self.ids.as_ref().is_some_and(Vec::is_empty)
            || self.authors.as_ref().is_some_and(Vec::is_empty)
            || self.kinds.as_ref().is_some_and(Vec::is_empty)
            || self.tags.iter().any(|tag| tag.values.is_empty())
            || self.search.as_ref().is_some_and(Search::matches_nothing)
            || matches!((self.since, self.until), (Some(since), Some(until)) if since > until)
    }

    /// What is searched for, unless it narrows nothing.
    pub fn searched(&self) -> Option<&Search> {
        self.search.as_ref().filter(|search| search.narrows())
    }

    /// Values in all lists together.
    pub fn value_count(&self) -> usize {
        self.ids.as_ref().map_or(0, Vec::len)
            + self.authors.as_ref().map_or(0, Vec::len)
            + self.kinds.as_ref().map_or(0, Vec::len)
            + self.tags.iter().map(|tag| tag.values.len()).sum::<usize>()
    }
}

impl TagFilter {
    /// From the values as a client writes them.
    pub fn new(letter: u8, mut values: Vec<String>) -> Self {
        let first = values.first().cloned();
        values.sort_unstable();
        values.dedup();
        let first = first
            .and_then(|first| values.binary_search(&first).ok())
            .unwrap_or(0);
        Self {
            letter,
            values,
            first,
        }
    }

    fn matches(&self, event: &Event) -> bool {
        event.tags.indexed().any(|(letter, value)| {
            letter == self.letter && self.values.binary_search_by(|v| v.as_str().cmp(value)).is_ok()
        })
    }
}

fn holds<T: Ord>(list: Option<&[T]>, value: &T) -> bool {
    list.is_none_or(|list| list.binary_search(value).is_ok())
}
