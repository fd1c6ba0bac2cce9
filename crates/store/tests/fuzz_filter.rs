//! The SQL against a filter that is too simple to be wrong: random events, few different values so that ties, versions,
//! deletions and expirations happen, and random filters.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::{cmp::Reverse, ops::ControlFlow, time::Duration};

use protocol::{EventId, Filter, Hll, VerifiedEvent};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Map, Value, json};
use store::{AuthorCount, Followed, Order, RecordSet, Rest, Store};
use testkit::{EventBuilder, Keys, TestDatabase, event};

const NOW: u64 = 1_000;
const PATIENCE: Duration = Duration::from_secs(10);
const PEOPLE: [&str; 4] = ["alice", "bob", "carol", "dave"];
const KINDS: [u16; 6] = [0, 1, 5, 7, 10_002, 30_023];
const LETTERS: [&str; 4] = ["t", "T", "d", "x"];
const VALUES: [&str; 4] = ["a", "b", "quote\"d", ""];

fn random_event(rng: &mut StdRng, number: usize, earlier: &[VerifiedEvent]) -> VerifiedEvent {
    let kind = *KINDS.choose(rng).unwrap();
    let mut builder = event(kind)
        .by(PEOPLE.choose(rng).unwrap())
        .at(rng.random_range(1..40))
        .content(&number.to_string());
    if kind == 5 {
        builder = random_targets(rng, builder, earlier);
    }
    for _ in 0..rng.random_range(0..4) {
        builder = builder.tag([*LETTERS.choose(rng).unwrap(), *VALUES.choose(rng).unwrap()]);
    }
    if rng.random_bool(0.15) {
        let delegator = Keys::of(PEOPLE.choose(rng).unwrap()).pubkey();
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

fn random_filter(rng: &mut StdRng, events: &[VerifiedEvent]) -> Filter {
    let mut filter = Map::new();
    let mut some = |rng: &mut StdRng, chance: f64, key: &str, values: Vec<Value>| {
        if rng.random_bool(chance) {
            let count = rng.random_range(0..=values.len().min(5));
            let chosen: Vec<Value> = values.choose_multiple(rng, count).cloned().collect();
            filter.insert(key.to_owned(), Value::Array(chosen));
        }
    };
    some(rng, 0.15, "ids", events.iter().map(|e| json!(e.id())).collect());
    some(
        rng,
        0.4,
        "authors",
        PEOPLE.iter().map(|name| json!(Keys::of(name).pubkey())).collect(),
    );
    some(rng, 0.4, "kinds", KINDS.iter().map(|kind| json!(kind)).collect());
    for letter in LETTERS {
        some(
            rng,
            0.2,
            &format!("#{letter}"),
            VALUES.iter().map(|value| json!(value)).collect(),
        );
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

/// Whether a deletion request of the author's own is about this event (NIP-09).
/// Whom it was signed for may ask for it by its id (NIP-26).
fn is_deleted(event: &VerifiedEvent, requests: &[&VerifiedEvent], delegation: bool) -> bool {
    requests.iter().any(|request| {
        let is_own = request.pubkey == event.pubkey;
        let is_delegated = delegation && event.delegator() == Some(request.pubkey);
        request.tags.indexed().any(|(letter, value)| match letter {
            b'e' => (is_own || is_delegated) && value == event.id().to_string() && event.kind.0 != 5,
            b'a' => {
                let address = event.address().map(|address| address.to_string());
                is_own && address.as_deref() == Some(value) && event.created_at <= request.created_at
            }
            _ => false,
        })
    })
}

/// One version of each address, nothing expired, nothing deleted, newest first, lowest id first.
fn dumb_store(events: &[VerifiedEvent], delegation: bool) -> Vec<&VerifiedEvent> {
    let beaten = |event: &VerifiedEvent| {
        event.address().is_some_and(|address| {
            events.iter().any(|other| {
                other.address().as_ref() == Some(&address)
                    && (other.created_at, Reverse(other.id())) > (event.created_at, Reverse(event.id()))
            })
        })
    };
    let mut kept: Vec<_> = events.iter().filter(|event| !beaten(event)).collect();
    let requests: Vec<_> = events.iter().filter(|event| event.kind.0 == 5).collect();
    kept.retain(|event| !is_deleted(event, &requests, delegation));
    kept.retain(|event| event.expiration().unwrap().is_none_or(|at| at > NOW));
    kept.sort_by_key(|event| (Reverse(event.created_at), event.id()));
    kept.dedup_by_key(|event| event.id());
    kept
}

/// What is kept in memory.
#[derive(Clone, Copy)]
enum Memory {
    Nothing,
    /// Some of the events.
    Some,
    Everything,
}

async fn store(database: &TestDatabase, memory: Memory, delegation: bool) -> Store {
    let store = Store::connect(&database.url, 5, Duration::from_secs(10))
        .await
        .unwrap()
        .with_delegation(delegation);
    match memory {
        Memory::Nothing => store,
        Memory::Some => store.with_window(70_000),
        Memory::Everything => store.with_window(usize::MAX),
    }
}

async fn loaded(store: Store, memory: Memory) -> Store {
    while !matches!(memory, Memory::Nothing) && store.window_stats().events == 0 {
        tokio::task::yield_now().await;
    }
    store
}

/// One store writes and another reads: what it keeps in memory it has from nobody but Postgres.
async fn compare(seed: u64, memory: Memory) {
    for delegation in [false, true] {
        compare_with(seed, memory, delegation).await;
    }
}

async fn compare_with(seed: u64, memory: Memory, delegation: bool) {
    let rng = &mut StdRng::seed_from_u64(seed);
    let database = TestDatabase::create().await;
    let writer = store(&database, Memory::Nothing, delegation).await;
    let mut reader = None;
    let mut events = Vec::new();
    for number in 0..400 {
        events.push(random_event(rng, number, &events));
    }
    let mut saved = 0;
    for batch in events.chunks(37) {
        writer.save(&batch.iter().collect::<Vec<_>>()).await.unwrap();
        saved += batch.len();
        let reader = match &mut reader {
            Some(reader) => reader,
            // It finds the first events stored, and follows those to come.
            none => none.insert(loaded(store(&database, memory, delegation).await, memory).await),
        };
        let stored = dumb_store(&events[..saved], delegation);
        for _ in 0..40 {
            let filters: Vec<Filter> = (0..rng.random_range(1..4))
                .map(|_| random_filter(rng, &events))
                .collect();
            compare_answers(reader, &filters, &stored, delegation, seed).await;
        }
    }
    let stats = reader.unwrap().window_stats();
    match memory {
        Memory::Nothing => assert_eq!(stats.answered, 0),
        Memory::Some => assert!(stats.answered > 0 && stats.passed_on > 0, "{stats:?}"),
        Memory::Everything => assert!(stats.answered > 0, "{stats:?}"),
    }
}

/// Whom it was signed for is its author, too (NIP-26).
fn matches(filter: &Filter, event: &VerifiedEvent, delegation: bool) -> bool {
    filter.matches_for(event, event.delegator().filter(|_| delegation))
}

async fn compare_answers(
    store: &Store,
    filters: &[Filter],
    stored: &[&VerifiedEvent],
    delegation: bool,
    seed: u64,
) {
    let matches = |f: &Filter, e: &VerifiedEvent| matches(f, e, delegation);
    let found = store.query(filters, NOW).await.unwrap();
    let mut expected: Vec<_> = filters
        .iter()
        .flat_map(|f| {
            stored
                .iter()
                .filter(|e| matches(f, e))
                .take(f.limit.unwrap() as usize)
        })
        .collect();
    expected.sort_by_key(|event| (Reverse(event.created_at), event.id()));
    expected.dedup_by_key(|event| event.id());
    let ids = |count: usize| format!("{count} events, seed {seed}, {}", json!(filters));
    assert_eq!(
        found.events.iter().map(|event| event.id).collect::<Vec<_>>(),
        expected.iter().map(|event| event.id()).collect::<Vec<_>>(),
        "{}",
        ids(expected.len())
    );
    let json: Vec<_> = expected.iter().map(|event| event.json()).collect();
    assert!(
        found
            .events
            .iter()
            .map(|event| &event.json[..])
            .eq(json.iter().map(|json| json.as_bytes()))
    );
    let all = stored
        .iter()
        .filter(|event| filters.iter().any(|filter| matches(filter, event)))
        .count();
    assert_eq!(
        store.count(filters, NOW).await.unwrap(),
        all as u64,
        "{}",
        ids(all)
    );
    compare_authors(store, filters, stored, delegation, &ids(all)).await;
    compare_export(store, filters, &json, &ids(all)).await;
    compare_sets(store, filters, stored, delegation, &ids(all)).await;
    let cut = filters
        .iter()
        .any(|f| stored.iter().filter(|e| matches(f, e)).count() > f.limit.unwrap() as usize);
    // One filter may find what another has cut: then nobody knows whether there is more, but nothing false is said.
    assert_eq!(found.is_complete(), !cut, "{}", json!(filters));
    if let Rest::Event(id) = found.rest {
        assert!(expected.iter().all(|event| event.id() != id), "it was sent");
        let left_out = stored.iter().find(|event| event.id() == id);
        assert!(left_out.is_some_and(|event| filters.iter().any(|filter| matches(filter, event))));
    }
    assert!(filters.len() > 1 || found.rest != Rest::Unknown);
}

/// The registers of NIP-45: of the authors of what matches, and of nobody else.
async fn compare_authors(
    store: &Store,
    filters: &[Filter],
    stored: &[&VerifiedEvent],
    delegation: bool,
    hint: &str,
) {
    for filter in filters {
        let Some(offset) = filter.hll_offset() else {
            continue;
        };
        let matching = stored.iter().filter(|event| matches(filter, event, delegation));
        let (mut count, mut hll) = (0, Hll::default());
        matching.for_each(|event| {
            count += 1;
            hll.add(&event.pubkey, offset);
        });
        let counted = store.count_authors(filter, offset, NOW).await.unwrap();
        assert_eq!(counted, AuthorCount { count, hll }, "{} of {hint}", json!(filter));
    }
}

/// An export has what an unlimited REQ would have, in either order.
async fn compare_export(store: &Store, filters: &[Filter], expected: &[&str], hint: &str) {
    for order in [Order::NewestFirst, Order::Stored] {
        let mut exported = Vec::new();
        let each = |json: &[u8]| {
            exported.push(String::from_utf8(json.to_vec()).unwrap());
            ControlFlow::Continue(())
        };
        store.export(filters, order, NOW, each).await.unwrap();
        let mut expected = expected.to_vec();
        if order == Order::Stored {
            exported.sort_unstable();
            expected.sort_unstable();
        }
        assert_eq!(exported, expected, "{order:?}, {hint}");
    }
}

/// A set has what its filter matches, with a limit the newest.
async fn compare_sets(
    store: &Store,
    filters: &[Filter],
    stored: &[&VerifiedEvent],
    delegation: bool,
    hint: &str,
) {
    for filter in filters {
        for limit in [filter.limit, None] {
            let filter = &Filter {
                limit,
                ..filter.clone()
            };
            let set = store
                .record_set(filter, 1_000, PATIENCE, NOW)
                .await
                .unwrap()
                .unwrap();
            assert_eq!(
                records(&set),
                expected_records(filter, stored, delegation),
                "{} of {hint}",
                json!(filter)
            );
        }
    }
}

fn records(set: &RecordSet) -> Vec<(u64, EventId)> {
    set.records
        .iter()
        .map(|record| (record.created_at, record.id))
        .collect()
}

/// By time, then by id, as NIP-77 wants them.
fn expected_records(filter: &Filter, stored: &[&VerifiedEvent], delegation: bool) -> Vec<(u64, EventId)> {
    let matching = stored.iter().filter(|event| matches(filter, event, delegation));
    let newest = matching.take(filter.limit.map_or(usize::MAX, |limit| limit as usize));
    let mut records: Vec<_> = newest.map(|event| (event.created_at, event.id())).collect();
    records.sort_unstable();
    records
}

/// Sets that follow what is stored and removed are those that would be read anew.
#[tokio::test]
async fn sets_follow() {
    let seed = rand::rng().random();
    let rng = &mut StdRng::seed_from_u64(seed);
    let database = TestDatabase::create().await;
    let store = store(&database, Memory::Nothing, true).await;
    let mut events = Vec::new();
    for number in 0..400 {
        events.push(random_event(rng, number, &events));
    }
    let mut sets: Vec<(Filter, RecordSet)> = Vec::new();
    let mut saved = 0;
    for batch in events.chunks(23) {
        let filter = Filter {
            limit: None,
            ..random_filter(rng, &events)
        };
        let set = store
            .record_set(&filter, 1_000, PATIENCE, NOW)
            .await
            .unwrap()
            .unwrap();
        sets.push((filter, set));
        store.save(&batch.iter().collect::<Vec<_>>()).await.unwrap();
        saved += batch.len();
        let stored = dumb_store(&events[..saved], true);
        for (filter, set) in &mut sets {
            if let Followed::New(new) = store.follow_records(set, filter, NOW).await.unwrap().unwrap() {
                *set = new;
            }
            assert_eq!(
                records(set),
                expected_records(filter, &stored, true),
                "seed {seed}, {}",
                json!(filter)
            );
            let again = store.follow_records(set, filter, NOW).await.unwrap().unwrap();
            assert!(matches!(again, Followed::Same), "nothing came");
        }
    }
}

#[tokio::test]
async fn sql_agrees_with_the_filter() {
    compare(1, Memory::Nothing).await;
}

#[tokio::test]
async fn sql_agrees_with_the_filter_at_random() {
    compare(rand::rng().random(), Memory::Nothing).await;
}

#[tokio::test]
async fn memory_agrees_with_the_filter() {
    compare(2, Memory::Everything).await;
}

#[tokio::test]
async fn memory_agrees_with_the_filter_at_random() {
    compare(rand::rng().random(), Memory::Everything).await;
}

#[tokio::test]
async fn memory_and_sql_together_agree_with_the_filter() {
    compare(3, Memory::Some).await;
}

#[tokio::test]
async fn memory_and_sql_together_agree_with_the_filter_at_random() {
    compare(rand::rng().random(), Memory::Some).await;
}

/// A deletion request that was signed for another, which that other asked to delete before it came.
#[tokio::test]
async fn a_seed_that_once_found_a_fault() {
    compare(6_258_444_280_230_078_657, Memory::Nothing).await;
}
