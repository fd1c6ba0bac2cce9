//! Events, filters and readers, of few different values.

use protocol::{Filter, PublicKey, VerifiedEvent};
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Map, Value, json};
use testkit::{EventBuilder, Keys, event};

use crate::NOW;

/// The first of them writes more than all others.
const PEOPLE: [&str; 4] = ["alice", "bob", "carol", "dave"];
/// So many more write little.
const CROWD: usize = 80;
const KINDS: [u16; 9] = [0, 1, 4, 5, 7, 62, 1059, 10_002, 30_023];
/// The first are on many events.
const LETTERS: [&str; 4] = ["t", "T", "d", "x"];
const VALUES: [&str; 4] = ["a", "b", "quote\"d", ""];

fn crowd() -> Vec<String> {
    (0..CROWD).map(|number| format!("one of many {number}")).collect()
}

/// Often the first.
fn mostly_first<'a>(rng: &mut StdRng, all: &[&'a str]) -> &'a str {
    if rng.random_bool(0.4) {
        all[0]
    } else {
        all.choose(rng).unwrap()
    }
}

pub fn random_event(rng: &mut StdRng, number: usize, earlier: &[VerifiedEvent]) -> VerifiedEvent {
    let mut kind = *KINDS.choose(rng).unwrap();
    let mut author = mostly_first(rng, &PEOPLE).to_owned();
    if rng.random_bool(0.3) {
        author = crowd().choose(rng).unwrap().clone();
    }
    if kind == 62 && rng.random_bool(0.9) {
        kind = 1;
    }
    // Who vanishes asks for no deletions: whether they had their effect before depends on the order in which all came.
    if kind == 62 || kind != 5 && rng.random_bool(0.1) {
        "erin".clone_into(&mut author);
    }
    let mut builder = event(kind)
        .by(&author)
        .at(rng.random_range(1..40))
        .content(&number.to_string());
    if kind == 5 {
        builder = random_targets(rng, builder, earlier);
    }
    for _ in 0..rng.random_range(0..4) {
        builder = builder.tag([mostly_first(rng, &LETTERS), mostly_first(rng, &VALUES)]);
    }
    if rng.random_bool(0.05) {
        builder = builder.tag(["p", &Keys::of("erin").pubkey()]);
    }
    for _ in 0..rng.random_range(0..3) {
        builder = builder.tag(["p", &Keys::of(PEOPLE.choose(rng).unwrap()).pubkey()]);
    }
    if rng.random_bool(0.15) {
        // Of versions and of deletion requests, what vanishes with whom depends on the order, too.
        let may_vanish = [1, 4, 7, 1059].contains(&kind) && rng.random_bool(0.3);
        let delegator = if may_vanish {
            "erin"
        } else {
            PEOPLE.choose(rng).unwrap()
        };
        let delegator = Keys::of(delegator).pubkey();
        builder = builder.tag(["delegation", &delegator, "", "checked by whoever saves"]);
    }
    if rng.random_bool(0.1) {
        builder = builder.tag(["expiration", &rng.random_range(NOW - 2..NOW + 3).to_string()]);
    }
    builder.verified()
}

/// Events and addresses, of anybody. An id of a version is left out: whether the version before it comes back then depends
/// on the order in which they came, and the dumb store knows no order.
fn random_targets(rng: &mut StdRng, builder: EventBuilder, earlier: &[VerifiedEvent]) -> EventBuilder {
    if rng.random_bool(0.5) {
        let author = Keys::of(PEOPLE.choose(rng).unwrap()).pubkey();
        let kind = [0, 1, 10_002, 30_023].choose(rng).unwrap();
        let d = if *kind == 30_023 {
            *VALUES.choose(rng).unwrap()
        } else {
            ""
        };
        return builder.tag(["a", &format!("{kind}:{author}:{d}")]);
    }
    match earlier.choose(rng) {
        Some(target) if target.address().is_none() => builder.tag(["e", &target.id().to_string()]),
        _ => builder,
    }
}

pub fn random_filter(rng: &mut StdRng, events: &[VerifiedEvent]) -> Filter {
    let mut filter = Map::new();
    let mut some = |rng: &mut StdRng, chance: f64, key: &str, values: Vec<Value>, many: Vec<Value>| {
        if rng.random_bool(chance) {
            let count = rng.random_range(0..=values.len().min(5));
            let mut chosen: Vec<Value> = values.choose_multiple(rng, count).cloned().collect();
            // Long lists are asked in other ways than short ones.
            if rng.random_bool(0.3) {
                chosen.extend(many);
            }
            filter.insert(key.to_owned(), Value::Array(chosen));
        }
    };
    let pubkey = |name: &str| json!(Keys::of(name).pubkey());
    let people = || PEOPLE.iter().map(|name| pubkey(name)).collect::<Vec<_>>();
    let many_people = || crowd().iter().map(|name| pubkey(name)).collect::<Vec<_>>();
    let ids = events.iter().map(|e| json!(e.id())).collect();
    some(rng, 0.15, "ids", ids, Vec::new());
    some(rng, 0.4, "authors", people(), many_people());
    let many_kinds = (9_000..9_012).map(|kind| json!(kind)).collect();
    some(
        rng,
        0.4,
        "kinds",
        KINDS.iter().map(|kind| json!(kind)).collect(),
        many_kinds,
    );
    some(rng, 0.2, "#p", people(), many_people());
    for letter in LETTERS {
        let values = VALUES.iter().map(|value| json!(value)).collect();
        let many = (0..12).map(|number| json!(format!("value {number}"))).collect();
        some(rng, 0.2, &format!("#{letter}"), values, many);
    }
    if rng.random_bool(0.3) {
        filter.insert("since".into(), json!(rng.random_range(1..40)));
    }
    if rng.random_bool(0.3) {
        let since = filter.get("since").and_then(Value::as_u64).unwrap_or(1);
        filter.insert("until".into(), json!(rng.random_range(since..41)));
    }
    filter.insert("limit".into(), json!(*[0, 1, 2, 5, 20, 500].choose(rng).unwrap()));
    serde_json::from_value(Value::Object(filter)).unwrap()
}

/// Nobody, somebody, or several people at once.
pub fn random_keys(rng: &mut StdRng) -> Vec<PublicKey> {
    let count = rng.random_range(0..3);
    let people = PEOPLE.choose_multiple(rng, count);
    people
        .map(|name| Keys::of(name).pubkey().parse().unwrap())
        .collect()
}
