//! Filters of no shape in particular: conditions thrown together, to find those that cost the most.

use rand::{Rng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Map, Value, json};

use crate::{corpus::Corpus, shapes};

/// A part of a filter: what it is called, which member it is, and how it is made.
type Part = (&'static str, &'static str, fn(&Corpus, &mut StdRng) -> Value);

/// Who wrote it; nobody in particular is the likeliest.
const AUTHORS: &[Part] = &[
    ("1 busy author", "authors", |_, r| {
        json!(shapes::ranks(0, 20, 1, r))
    }),
    ("1 quiet author", "authors", |c, r| json!(shapes::quiet(c, r, 1))),
    ("20 authors", "authors", |c, r| json!(shapes::some(c, r, 20))),
    ("300 authors", "authors", |c, r| json!(shapes::some(c, r, 300))),
    ("300 quiet authors", "authors", |c, r| {
        json!(shapes::quiet(c, r, 300))
    }),
    ("2000 authors", "authors", |c, r| json!(shapes::some(c, r, 2000))),
    ("2000 quiet authors", "authors", |c, r| {
        json!(shapes::quiet(c, r, 2000))
    }),
    ("4000 busy authors", "authors", |_, r| {
        json!(shapes::ranks(0, 8000, 4000, r))
    }),
];

const KINDS: &[Part] = &[
    ("kind 1", "kinds", |_, _| json!([1])),
    ("kind 3", "kinds", |_, _| json!([3])),
    ("kinds 1 6 7", "kinds", |_, _| json!([1, 6, 7])),
    ("kind 30023", "kinds", |_, _| json!([30023])),
    ("absent kind", "kinds", |_, _| json!([20001])),
    ("20 kinds", "kinds", |_, _| json!((0..20).collect::<Vec<_>>())),
    ("500 kinds", "kinds", |_, _| json!((0..500).collect::<Vec<_>>())),
];

const TAGS: &[Part] = &[
    ("#p busiest", "#p", |_, _| json!([Corpus::author(0)])),
    ("#p middling", "#p", |_, r| json!(shapes::ranks(100, 500, 1, r))),
    ("#p quiet", "#p", |c, r| json!(shapes::quiet(c, r, 1))),
    ("#p 30 values", "#p", |c, r| json!(shapes::some(c, r, 30))),
    ("#p 500 values", "#p", |c, r| json!(shapes::some(c, r, 500))),
    ("#p 2000 quiet values", "#p", |c, r| {
        json!(shapes::quiet(c, r, 2000))
    }),
    ("#e 1", "#e", |c, r| json!(shapes::ids(c, r, 1))),
    ("#e 100", "#e", |c, r| json!(shapes::ids(c, r, 100))),
    ("#e 2000", "#e", |c, r| json!(shapes::ids(c, r, 2000))),
    ("#t popular", "#t", |_, r| json!(shapes::topics(0, 5, r))),
    ("#t rare", "#t", |_, r| json!(shapes::topics(1000, 2000, r))),
    ("#t 100 values", "#t", |_, r| {
        json!(
            (0..100)
                .map(|_| Corpus::topic(Corpus::zipf(r, 2000)))
                .collect::<Vec<_>>()
        )
    }),
    ("#d", "#d", |_, r| {
        json!([format!("document {}", r.random_range(0..20))])
    }),
    ("#r", "#r", |_, r| {
        json!([format!("wss://relay{}.example", Corpus::zipf(r, 300))])
    }),
];

/// Which events; asked for by a few filters.
const IDS: &[Part] = &[
    ("50 ids", "ids", |c, r| json!(shapes::ids(c, r, 50))),
    ("1500 ids", "ids", |c, r| json!(shapes::ids(c, r, 1500))),
    ("500 ids of contact lists", "ids", |c, r| {
        json!(shapes::contact_lists(c, r, 500))
    }),
];

/// From when to when, in seconds: how long it lasts.
const TIMES: [(&str, u64); 4] = [
    ("an hour", 3_600),
    ("a day", 86_400),
    ("a month", 30 * 86_400),
    ("a thousand days", 1000 * 86_400),
];

/// A filter, and what it is called.
pub fn filter(corpus: &Corpus, rng: &mut StdRng) -> (String, Value) {
    let mut names = Vec::new();
    let mut filter = Map::new();
    let mut add = |filter: &mut Map<String, Value>, parts: &[Part], chance, rng: &mut StdRng| {
        if let (true, Some((name, member, make))) = (rng.random_bool(chance), parts.choose(rng)) {
            // Of two conditions on the same letter the last one counts, as in JSON.
            filter.insert((*member).to_owned(), make(corpus, rng));
            names.push((*member, (*name).to_owned()));
        }
    };
    add(&mut filter, AUTHORS, 0.5, rng);
    add(&mut filter, KINDS, 0.6, rng);
    add(&mut filter, TAGS, 0.6, rng);
    add(&mut filter, TAGS, 0.3, rng);
    add(&mut filter, TAGS, 0.1, rng);
    let limit = *[1, 50, 500].choose(rng).unwrap_or(&500);
    filter.insert("limit".to_owned(), json!(limit));
    let mut last = Vec::new();
    for (place, (member, name)) in names.iter().enumerate() {
        if names[place + 1..].iter().all(|(later, _)| later != member) {
            last.push(name.clone());
        }
    }
    if rng.random_bool(0.5) {
        let until = Corpus::created_at(rng.random_range(0..corpus.events));
        filter.insert("until".to_owned(), json!(until));
        last.push("until".to_owned());
        if rng.random_bool(0.5) {
            let (name, seconds) = TIMES.choose(rng).copied().unwrap_or(TIMES[0]);
            filter.insert("since".to_owned(), json!(until.saturating_sub(seconds)));
            last.push(format!("for {name}"));
        }
    }
    // Drawn last, so that all others stay as they are.
    if let (true, Some((name, member, make))) = (rng.random_bool(0.05), IDS.choose(rng)) {
        filter.insert((*member).to_owned(), make(corpus, rng));
        last.push((*name).to_owned());
    }
    last.push(format!("limit {limit}"));
    (last.join(" + "), Value::Object(filter))
}
