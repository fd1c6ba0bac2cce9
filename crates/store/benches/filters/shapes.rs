//! The shapes that filters have, from the usual to the mean. Values vary from one repetition to the next.

use protocol::Filter;
use rand::{Rng, rngs::StdRng};
use serde_json::{Value, json};

use crate::corpus::Corpus;

/// Makes a filter of one shape.
type Make = fn(&Corpus, &mut StdRng) -> Value;

/// All shapes with their names.
pub const SHAPES: &[(&str, Make)] = &[
    ("ids 1", |c, r| json!({"ids": ids(c, r, 1), "limit": 1})),
    ("ids 50", |c, r| json!({"ids": ids(c, r, 50), "limit": 50})),
    (
        "profile: author + kind 0",
        |c, r| json!({"authors": some(c, r, 1), "kinds": [0], "limit": 1}),
    ),
    (
        "busy author, kind 1, limit 100",
        |_, r| json!({"authors": ranks(0, 20, 1, r), "kinds": [1], "limit": 100}),
    ),
    (
        "busy author, all kinds, limit 100",
        |_, r| json!({"authors": ranks(0, 20, 1, r), "limit": 100}),
    ),
    (
        "quiet author, all kinds",
        |c, r| json!({"authors": quiet(c, r, 1), "limit": 100}),
    ),
    (
        "feed: 100 authors, kinds 1 6, limit 50",
        |c, r| json!({"authors": some(c, r, 100), "kinds": [1, 6], "limit": 50}),
    ),
    (
        "100 busy authors, kind 1, limit 500",
        |_, r| json!({"authors": ranks(0, 200, 100, r), "kinds": [1], "limit": 500}),
    ),
    (
        "100 quiet authors, kinds 1 6, limit 50",
        |c, r| json!({"authors": quiet(c, r, 100), "kinds": [1, 6], "limit": 50}),
    ),
    (
        "1000 authors, kind 1, limit 500",
        |c, r| json!({"authors": some(c, r, 1000), "kinds": [1], "limit": 500}),
    ),
    (
        "1000 busy authors, kinds 1 6 7, limit 500",
        |_, r| json!({"authors": ranks(0, 2000, 1000, r), "kinds": [1, 6, 7], "limit": 500}),
    ),
    (
        "1000 quiet authors, kind 1, limit 500",
        |c, r| json!({"authors": quiet(c, r, 1000), "kinds": [1], "limit": 500}),
    ),
    (
        "100 authors, all kinds, limit 100",
        |c, r| json!({"authors": some(c, r, 100), "limit": 100}),
    ),
    (
        "1000 authors, all kinds, limit 500",
        |c, r| json!({"authors": some(c, r, 1000), "limit": 500}),
    ),
    (
        "500 profiles: 500 authors, kind 0",
        |c, r| json!({"authors": some(c, r, 500), "kinds": [0], "limit": 500}),
    ),
    (
        "global: kind 1, limit 200",
        |_, _| json!({"kinds": [1], "limit": 200}),
    ),
    (
        "kinds 1 6 7, limit 500",
        |_, _| json!({"kinds": [1, 6, 7], "limit": 500}),
    ),
    (
        "20 kinds, limit 500",
        |_, _| json!({"kinds": (0..20).collect::<Vec<_>>(), "limit": 500}),
    ),
    (
        "rare kind 30023, limit 100",
        |_, _| json!({"kinds": [30023], "limit": 100}),
    ),
    ("kind 1 of an hour long ago", |c, r| {
        let since = Corpus::created_at(r.random_range(0..c.events));
        json!({"kinds": [1], "since": since, "until": since + 3600, "limit": 500})
    }),
    ("an hour long ago", |c, r| {
        let since = Corpus::created_at(r.random_range(0..c.events));
        json!({"since": since, "until": since + 3600, "limit": 500})
    }),
    (
        "since a minute ago",
        |c, _| json!({"since": Corpus::created_at(c.events - 60), "limit": 500}),
    ),
    ("everything, limit 500", |_, _| json!({"limit": 500})),
    (
        "notifications: #p busy, limit 50",
        |_, r| json!({"#p": ranks(0, 20, 1, r), "limit": 50}),
    ),
    (
        "#p busy, kinds 1 6 7 9735, limit 50",
        |_, r| json!({"#p": ranks(0, 20, 1, r), "kinds": [1, 6, 7, 9735], "limit": 50}),
    ),
    (
        "#p middling, all kinds, limit 500",
        |_, r| json!({"#p": ranks(100, 500, 1, r), "limit": 500}),
    ),
    ("#p quiet", |c, r| json!({"#p": quiet(c, r, 1), "limit": 50})),
    (
        "followers: #p busy, kind 3, limit 500",
        |_, r| json!({"#p": ranks(0, 20, 1, r), "kinds": [3], "limit": 500}),
    ),
    (
        "followers: #p middling, kind 3, limit 50",
        |_, r| json!({"#p": ranks(20, 500, 1, r), "kinds": [3], "limit": 50}),
    ),
    ("followers long ago: #p busy, kind 3, limit 50", |c, r| {
        let until = Corpus::created_at(r.random_range(0..c.events));
        json!({"#p": ranks(0, 50, 1, r), "kinds": [3], "until": until, "limit": 50})
    }),
    (
        "#p busiest + rare kind 1984",
        |_, _| json!({"#p": ranks_from(0, 1), "kinds": [1984], "limit": 50}),
    ),
    (
        "#p busiest + absent kind 30023",
        |_, _| json!({"#p": ranks_from(0, 1), "kinds": [30023], "limit": 50}),
    ),
    (
        "#p 500 values, kind 1, limit 100",
        |c, r| json!({"#p": some(c, r, 500), "kinds": [1], "limit": 100}),
    ),
    (
        "#p 500 values, all kinds, limit 100",
        |c, r| json!({"#p": some(c, r, 500), "limit": 100}),
    ),
    (
        "reactions: #e one, kind 7",
        |c, r| json!({"#e": ids(c, r, 1), "kinds": [7], "limit": 500}),
    ),
    (
        "thread: #e one, all kinds",
        |c, r| json!({"#e": ids(c, r, 1), "limit": 500}),
    ),
    (
        "#e 20 values, kinds 1 7, limit 500",
        |c, r| json!({"#e": ids(c, r, 20), "kinds": [1, 7], "limit": 500}),
    ),
    (
        "#e 500 values, all kinds, limit 500",
        |c, r| json!({"#e": ids(c, r, 500), "limit": 500}),
    ),
    (
        "#t popular, kind 1, limit 100",
        |_, r| json!({"#t": topics(0, 5, r), "kinds": [1], "limit": 100}),
    ),
    (
        "#t popular and #p busiest, limit 50",
        |_, r| json!({"#t": topics(0, 5, r), "#p": ranks_from(0, 1), "limit": 50}),
    ),
    (
        "#t rare and #p busiest, limit 50",
        |_, r| json!({"#t": topics(1000, 2000, r), "#p": ranks_from(0, 1), "limit": 50}),
    ),
    (
        "#t popular and #p quiet, limit 50",
        |c, r| json!({"#t": topics(0, 5, r), "#p": quiet(c, r, 1), "limit": 50}),
    ),
    (
        "#t popular and #d (never together with kind 1)",
        |_, r| json!({"#t": topics(0, 5, r), "#d": ["document 1"], "kinds": [1], "limit": 50}),
    ),
    (
        "#p and #t without common events",
        |_, _| json!({"#p": ranks_from(0, 1), "#d": ["document 1", "document 2"], "limit": 50}),
    ),
    (
        "busy author + #p busiest, limit 50",
        |_, r| json!({"authors": ranks(0, 5, 1, r), "#p": ranks_from(0, 1), "limit": 50}),
    ),
    (
        "quiet author + #p busiest, limit 50",
        |c, r| json!({"authors": quiet(c, r, 1), "#p": ranks_from(0, 1), "limit": 50}),
    ),
    (
        "middling author + #p busiest + kind 1",
        |_, r| json!({"authors": ranks(200, 500, 1, r), "#p": ranks_from(0, 1), "kinds": [1], "limit": 50}),
    ),
    (
        "100 authors + #p one of them, kind 7",
        |c, r| json!({"authors": some(c, r, 100), "#p": some(c, r, 1), "kinds": [7], "limit": 50}),
    ),
    (
        "busy author + #t rare",
        |_, r| json!({"authors": ranks(0, 5, 1, r), "#t": topics(1000, 2000, r), "limit": 50}),
    ),
    (
        "article: author + kind + #d",
        |_, r| json!({"authors": ranks(0, 500, 1, r), "kinds": [30023], "#d": ["document 3"], "limit": 1}),
    ),
    (
        "#d alone, kind 30078, limit 100",
        |_, _| json!({"#d": ["document 3"], "kinds": [30078], "limit": 100}),
    ),
];

/// A filter of this shape.
pub fn filter(make: Make, corpus: &Corpus, rng: &mut StdRng) -> Filter {
    serde_json::from_value(make(corpus, rng)).expect("shapes are filters")
}

pub fn ids(corpus: &Corpus, rng: &mut StdRng, count: usize) -> Vec<String> {
    (0..count)
        .map(|_| Corpus::id(rng.random_range(0..corpus.events)))
        .collect()
}

/// Contact lists, most of which are replaced by now.
pub fn contact_lists(corpus: &Corpus, rng: &mut StdRng, count: usize) -> Vec<String> {
    let mut all = Vec::with_capacity(count);
    while all.len() < count {
        let number = rng.random_range(0..corpus.events);
        if Corpus::kind(number) == 3 {
            all.push(Corpus::id(number));
        }
    }
    all
}

/// Different authors of whom the busy ones are more likely, as in a list of follows.
pub fn some(corpus: &Corpus, rng: &mut StdRng, count: usize) -> Vec<String> {
    let mut ranks = std::collections::BTreeSet::new();
    while ranks.len() < count.min(corpus.authors as usize / 2) {
        ranks.insert(Corpus::zipf(rng, corpus.authors));
    }
    ranks.into_iter().map(Corpus::author).collect()
}

pub fn ranks(from: u64, to: u64, count: usize, rng: &mut StdRng) -> Vec<String> {
    let mut chosen = std::collections::BTreeSet::new();
    while chosen.len() < count {
        chosen.insert(rng.random_range(from..to));
    }
    chosen.into_iter().map(Corpus::author).collect()
}

fn ranks_from(from: u64, count: u64) -> Vec<String> {
    (from..from + count).map(Corpus::author).collect()
}

/// Authors with a few events at most.
pub fn quiet(corpus: &Corpus, rng: &mut StdRng, count: usize) -> Vec<String> {
    ranks(corpus.authors / 2, corpus.authors, count, rng)
}

pub fn topics(from: u64, to: u64, rng: &mut StdRng) -> Vec<String> {
    vec![Corpus::topic(rng.random_range(from..to))]
}
