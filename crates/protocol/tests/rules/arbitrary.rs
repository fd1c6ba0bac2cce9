//! Random events and filters. Few distinct values, so that filters and events meet.

use std::collections::BTreeSet;

use proptest::{collection::vec, option, prelude::*, sample::select};
use protocol::{Event, Filter, PublicKey, Search, TagFilter};

use crate::signed;

/// Any text, rich in what has to be escaped and in what must not be.
pub fn text() -> impl Strategy<Value = String> {
    let awkward: Vec<char> =
        "\0\u{1}\u{8}\t\n\u{b}\u{c}\r\u{1b}\u{1f} \"\\/<\u{7f}\u{80}é\u{2028}\u{2029}\u{feff}\u{ffff}😀\u{10ffff}"
            .chars()
            .collect();
    vec(
        prop_oneof![3 => select(awkward), 2 => any::<char>(), 2 => prop::char::range('a', 'c')],
        0..40,
    )
    .prop_map(String::from_iter)
}

/// Tags of any text, and tags that filters ask for; none is `[]`.
pub fn tags() -> impl Strategy<Value = Vec<Vec<String>>> {
    let indexed = (
        select(vec!["t", "T", "d", "tt", "-"]),
        select(vec!["", "a", "b", "c"]),
    )
        .prop_map(|(name, value)| vec![name.to_owned(), value.to_owned()]);
    vec(prop_oneof![vec(text(), 1..4), indexed], 0..6)
}

/// A signed event by one of three authors.
pub fn event() -> impl Strategy<Value = Event> {
    let kind = prop_oneof![select(vec![0, 1, 7, 30_023]), any::<u16>()];
    let created_at = prop_oneof![4 => 0..20_u64, 1 => 0..=protocol::MAX_CREATED_AT];
    (1..4_u8, created_at, kind, tags(), text())
        .prop_map(|(author, at, kind, tags, content)| signed::event(author, at, kind, tags, &content))
}

/// A filter with lists that are absent, empty or filled.
pub fn filter() -> impl Strategy<Value = Filter> {
    let authors = (0..5_u8).prop_map(author);
    let ids = (1..4_u8, 0..20_u64).prop_map(|(by, at)| signed::event(by, at, 1, vec![], "").id);
    let kinds = prop_oneof![select(vec![0, 1, 7, 30_023]), any::<u16>()];
    (
        option::weighted(0.2, list(ids)),
        option::of(list(authors)),
        option::of(list(kinds)),
        vec(tag_filter(), 0..3),
        option::of(0..20_u64),
        option::of(0..20_u64),
        option::of(any::<u32>()),
        option::of(text().prop_filter_map("a query", |text| Search::parse(&text).ok())),
    )
        .prop_map(|(ids, authors, kinds, mut tags, since, length, limit, search)| {
            tags.sort_by_key(|tag: &TagFilter| tag.letter);
            tags.dedup_by_key(|tag| tag.letter);
            let until = length.map(|length| since.unwrap_or(0) + length);
            Filter {
                ids,
                authors,
                kinds,
                tags,
                since,
                until,
                limit,
                search,
            }
        })
}

fn author(number: u8) -> PublicKey {
    PublicKey::from_bytes(signed::keypair(number).x_only_public_key().0.serialize())
}

fn tag_filter() -> impl Strategy<Value = TagFilter> {
    let values = prop_oneof![
        select(vec!["", "a", "b", "c", "d"]).prop_map(str::to_owned),
        text()
    ];
    (select(b"tTdx".to_vec()), list(values)).prop_map(|(letter, values)| TagFilter::new(letter, values))
}

/// Sorted, each once, and empty now and then.
fn list<T: Ord + std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<T>> {
    vec(value, 0..5).prop_map(|values| Vec::from_iter(BTreeSet::from_iter(values)))
}
