//! The index against the filters alone: random subscriptions that come and go, and random events with few different values.

use std::{sync::Arc, time::Instant};

use protocol::{Event, Filter, SearchRules, SubscriptionId};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Map, Value, json};

use super::{Hung, LiveIndex, Subscription};
use crate::{line::Line, outbox::OutboxLimits};

const KINDS: [u16; 4] = [0, 1, 7, 30_023];
const LETTERS: [&str; 3] = ["t", "T", "e"];

/// 64 hex characters, one of four.
fn hex(rng: &mut StdRng) -> String {
    ["0a", "1b", "2c", "ff"].choose(rng).unwrap().repeat(32)
}

fn tag_value(rng: &mut StdRng, letter: &str) -> String {
    match letter {
        // NIP-01 wants ids there.
        "e" => hex(rng),
        _ => (*["", "a", "b", "A"].choose(rng).unwrap()).to_owned(),
    }
}

fn random_event(rng: &mut StdRng) -> Event {
    let tags: Vec<Value> = (0..rng.random_range(0..4))
        .map(|_| {
            let letter = LETTERS.choose(rng).unwrap();
            json!([letter, tag_value(rng, letter), tag_value(rng, "t")])
        })
        .collect();
    let event = json!({
        "id": hex(rng), "pubkey": hex(rng), "created_at": rng.random_range(1..20), "kind": KINDS.choose(rng).unwrap(),
        "tags": tags, "content": "", "sig": "00".repeat(64),
    });
    serde_json::from_value(event).unwrap()
}

fn random_filter(rng: &mut StdRng) -> Filter {
    let mut filter = Map::new();
    for (key, chance) in [("ids", 0.1), ("authors", 0.3)] {
        if rng.random_bool(chance) {
            filter.insert(
                key.to_owned(),
                (0..rng.random_range(0..3)).map(|_| hex(rng)).collect(),
            );
        }
    }
    if rng.random_bool(0.4) {
        let kinds = (0..rng.random_range(0..3)).map(|_| *KINDS.choose(rng).unwrap());
        filter.insert("kinds".to_owned(), kinds.collect());
    }
    for letter in LETTERS {
        if rng.random_bool(0.25) {
            let values = (0..rng.random_range(0..4)).map(|_| tag_value(rng, letter));
            filter.insert(format!("#{letter}"), values.collect());
        }
    }
    if rng.random_bool(0.2) {
        let since = rng.random_range(1..20);
        filter.insert("since".to_owned(), json!(since));
        filter.insert("until".to_owned(), json!(rng.random_range(since..21)));
    }
    serde_json::from_value(Value::Object(filter)).unwrap()
}

fn random_subscription(rng: &mut StdRng, number: u64, line: &Arc<Line>) -> Arc<Subscription> {
    let id = SubscriptionId::new(&number.to_string()).unwrap();
    let filters: Vec<_> = (0..rng.random_range(1..4)).map(|_| random_filter(rng)).collect();
    Arc::new(Subscription::replaying(
        id,
        number,
        filters,
        Arc::clone(line),
        Instant::now(),
    ))
}

#[test]
fn the_index_finds_what_the_filters_match() {
    let seed = rand::rng().random();
    let rng = &mut StdRng::seed_from_u64(seed);
    let limits = OutboxLimits {
        bytes: 65_536,
        messages: 16,
    };
    let line = Line::unheard(limits);
    let index = LiveIndex::new(SearchRules::default());
    let mut open: Vec<(Arc<Subscription>, Hung)> = Vec::new();
    for number in 0..2_000 {
        if open.len() > 60 || (!open.is_empty() && rng.random_bool(0.3)) {
            let (_, hung) = open.swap_remove(rng.random_range(0..open.len()));
            index.remove(&hung);
        } else {
            let subscription = random_subscription(rng, number, &line);
            open.push((Arc::clone(&subscription), index.insert(&subscription)));
        }
        let event = random_event(rng);
        let delegator = rng.random_bool(0.2).then(|| random_event(rng).pubkey);
        let mut found: Vec<u64> = index
            .matching(&event, delegator)
            .iter()
            .map(|found| found.generation())
            .collect();
        let wants = |subscription: &Subscription| {
            let mut filters = subscription.filters.iter();
            filters.any(|filter| filter.matches_for(&event, delegator))
        };
        let mut expected: Vec<u64> = open
            .iter()
            .filter(|(subscription, _)| wants(subscription))
            .map(|(subscription, _)| subscription.generation())
            .collect();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "seed {seed}, {event:?}");
    }
    for (_, hung) in &open {
        index.remove(hung);
    }
    assert_eq!(index.len(), 0);
}
