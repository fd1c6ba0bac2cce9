//! The SQL against a filter that is too simple to be wrong: random events, few different values so that ties, versions,
//! deletions and expirations happen, and random filters.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod dumb_store;
mod random;

use std::{cmp::Reverse, ops::ControlFlow, time::Duration};

use dumb_store::dumb_store;
use protocol::{EventId, Filter, Hll, PrivateKinds, PublicKey, Reader, VerifiedEvent};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use random::{random_event, random_filter, random_keys};
use serde_json::json;
use store::{AuthorCount, Followed, Order, RecordSet, Rest, Store};
use testkit::TestDatabase;

const NOW: u64 = 1_000;
const PATIENCE: Duration = Duration::from_secs(10);
const PRIVATE: PrivateKinds = PrivateKinds::new(true, true);

/// What is kept in memory.
#[derive(Clone, Copy)]
enum Memory {
    Nothing,
    /// Some of the events.
    Some,
    Everything,
}

/// What is looked at before something is popular: of few events hardly anything is, and with fewer looks nearly everything.
const LOOKS: [u32; 4] = [1, 16, 100, 4000];

async fn store(database: &TestDatabase, memory: Memory, delegation: bool, looks: u32) -> Store {
    let store = Store::connect(&database.url, 5, Duration::from_secs(10))
        .await
        .unwrap()
        .with_looks(looks)
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
        let database = TestDatabase::create().await;
        compare_in(&database, seed, memory, delegation).await;
        tags_are_of_what_is_stored(&database, seed).await;
    }
}

/// No row of a tag outlives its event, and none is missing.
async fn tags_are_of_what_is_stored(database: &TestDatabase, seed: u64) {
    let (left_over, missing, all): (i64, i64, i64) = sqlx::query_as(
        "WITH known AS (SELECT event, kind, author, created_at, id_head, tag FROM searchable_tags),
            due AS (SELECT seq, kind, author, created_at, id_head, unnest(tags) FROM events)
        SELECT (SELECT count(*) FROM (TABLE known EXCEPT ALL TABLE due) o),
            (SELECT count(*) FROM (TABLE due EXCEPT ALL TABLE known) o), (SELECT count(*) FROM known)",
    )
    .fetch_one(&mut database.connect().await)
    .await
    .unwrap();
    assert_eq!((left_over, missing), (0, 0), "of {all}, seed {seed}");
    assert!(all > 0);
}

async fn compare_in(database: &TestDatabase, seed: u64, memory: Memory, delegation: bool) {
    let rng = &mut StdRng::seed_from_u64(seed);
    let looks = *LOOKS.choose(rng).unwrap();
    let writer = store(database, Memory::Nothing, delegation, looks).await;
    let mut reader = None;
    let mut events = Vec::new();
    for number in 0..400 {
        events.push(random_event(rng, number, &events));
    }
    let mut saved = 0;
    for batch in events.chunks(37) {
        writer.save(&batch.iter().collect::<Vec<_>>()).await.unwrap();
        while writer.remove_vanished(3).await.unwrap().is_some() {}
        saved += batch.len();
        let store = match &mut reader {
            Some(store) => store,
            // It finds the first events stored, and follows those to come.
            none => none.insert(loaded(store(database, memory, delegation, looks).await, memory).await),
        };
        // The first question of each change looks what is new, and the others do not.
        let store = &store.as_of(Some(saved as u64));
        let stored = dumb_store(&events[..saved], delegation);
        for _ in 0..24 {
            let filters: Vec<Filter> = (0..rng.random_range(1..4))
                .map(|_| random_filter(rng, &events))
                .collect();
            let keys = random_keys(rng);
            let asked = Asked::new(Reader::new(PRIVATE, &keys), &stored, delegation);
            compare_answers(store, &filters, &asked, seed).await;
            let everything = Asked::new(Reader::OPERATOR, &stored, delegation);
            compare_export(store, &filters, &everything, seed).await;
        }
    }
    let stats = reader.unwrap().window_stats();
    match memory {
        Memory::Nothing => assert_eq!(stats.answered, 0),
        Memory::Some => assert!(stats.answered > 0 && stats.passed_on > 0, "{stats:?}"),
        Memory::Everything => assert!(stats.answered > 0, "{stats:?}"),
    }
}

/// Who asks, and what there is for them.
struct Asked<'a> {
    reader: Reader<'a>,
    stored: Vec<&'a VerifiedEvent>,
    delegation: bool,
}

impl<'a> Asked<'a> {
    fn new(reader: Reader<'a>, stored: &[&'a VerifiedEvent], delegation: bool) -> Self {
        let seen = stored.iter().copied().filter(|event| reader.may_see_event(event));
        Self {
            stored: seen.collect(),
            reader,
            delegation,
        }
    }

    fn matching(&self, filter: &Filter) -> impl Iterator<Item = &'a VerifiedEvent> {
        self.stored.iter().copied().filter(|event| {
            let delegator = event.delegator();
            filter.matches_for(
                event,
                delegator.filter(|_| self.delegation && !self.reader.keeps(event.kind)),
            )
        })
    }

    /// What the filters get, with their limits.
    fn expected(&self, filters: &[Filter]) -> Vec<&'a VerifiedEvent> {
        let each = |filter: &Filter| {
            let limit = filter.limit.unwrap() as usize;
            self.matching(filter).take(limit).collect::<Vec<_>>()
        };
        newest_first(filters.iter().flat_map(each).collect())
    }
}

/// Each once.
fn newest_first(mut events: Vec<&VerifiedEvent>) -> Vec<&VerifiedEvent> {
    events.sort_by_key(|event| (Reverse(event.created_at), event.id()));
    events.dedup_by_key(|event| event.id());
    events
}

async fn compare_answers(store: &Store, filters: &[Filter], asked: &Asked<'_>, seed: u64) {
    let found = store.query(filters, &asked.reader, NOW).await.unwrap();
    let expected = asked.expected(filters);
    let hint = format!("seed {seed}, {}, {:?}", json!(filters), asked.reader);
    assert_eq!(
        found.events.iter().map(|event| event.id).collect::<Vec<_>>(),
        expected.iter().map(|event| event.id()).collect::<Vec<_>>(),
        "{hint}"
    );
    let json = expected.iter().map(|event| event.json().as_bytes());
    assert!(found.events.iter().map(|event| &event.json[..]).eq(json));
    let all = filters.iter().flat_map(|filter| asked.matching(filter)).collect();
    assert_eq!(
        store.count(filters, &asked.reader, NOW).await.unwrap(),
        newest_first(all).len() as u64,
        "{hint}"
    );
    compare_authors(store, filters, asked, &hint).await;
    compare_sets(store, filters, asked, &hint).await;
    let is_cut = |filter: &Filter| asked.matching(filter).count() > filter.limit.unwrap() as usize;
    // One filter may find what another has cut: then nobody knows whether there is more, but nothing false is said.
    assert_eq!(found.is_complete(), !filters.iter().any(is_cut), "{hint}");
    if let Rest::Event(id) = found.rest {
        assert!(
            expected.iter().all(|event| event.id() != id),
            "it was sent, {hint}"
        );
        let mut left_out = filters.iter().flat_map(|filter| asked.matching(filter));
        assert!(left_out.any(|event| event.id() == id), "{hint}");
    }
    assert!(filters.len() > 1 || found.rest != Rest::Unknown, "{hint}");
}

/// The registers of NIP-45: of the authors of what matches, and of nobody else.
async fn compare_authors(store: &Store, filters: &[Filter], asked: &Asked<'_>, hint: &str) {
    for filter in filters {
        let Some(offset) = filter.hll_offset() else {
            continue;
        };
        let (mut count, mut hll) = (0, Hll::default());
        asked.matching(filter).for_each(|event| {
            count += 1;
            hll.add(&event.pubkey, offset);
        });
        let counted = store.count_authors(filter, offset, &asked.reader, NOW).await;
        assert_eq!(
            counted.unwrap(),
            AuthorCount { count, hll },
            "{} of {hint}",
            json!(filter)
        );
    }
}

/// An export has what an unlimited REQ of the operator would have, in either order.
async fn compare_export(store: &Store, filters: &[Filter], asked: &Asked<'_>, seed: u64) {
    for order in [Order::NewestFirst, Order::Stored] {
        let mut exported = Vec::new();
        let each = |json: &[u8]| {
            exported.push(String::from_utf8(json.to_vec()).unwrap());
            ControlFlow::Continue(())
        };
        store.export(filters, order, NOW, each).await.unwrap();
        let expected = asked.expected(filters);
        let mut expected: Vec<&str> = expected.iter().map(|event| event.json()).collect();
        if order == Order::Stored {
            exported.sort_unstable();
            expected.sort_unstable();
        }
        assert_eq!(exported, expected, "{order:?}, seed {seed}, {}", json!(filters));
    }
}

/// A set has what its filter matches, with a limit the newest.
async fn compare_sets(store: &Store, filters: &[Filter], asked: &Asked<'_>, hint: &str) {
    for filter in filters {
        for limit in [filter.limit, None] {
            let filter = &Filter {
                limit,
                ..filter.clone()
            };
            let set = store
                .record_set(filter, &asked.reader, 1_000, PATIENCE, NOW)
                .await
                .unwrap()
                .unwrap();
            assert_eq!(
                records(&set),
                expected_records(filter, asked),
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
fn expected_records(filter: &Filter, asked: &Asked<'_>) -> Vec<(u64, EventId)> {
    let matching = asked.matching(filter);
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
    let store = store(&database, Memory::Nothing, true, LOOKS[0]).await;
    let mut events = Vec::new();
    for number in 0..400 {
        events.push(random_event(rng, number, &events));
    }
    let mut sets: Vec<(Filter, Vec<PublicKey>, RecordSet)> = Vec::new();
    let mut saved = 0;
    for batch in events.chunks(23) {
        let filter = Filter {
            limit: None,
            ..random_filter(rng, &events)
        };
        let keys = random_keys(rng);
        let set = store
            .record_set(&filter, &Reader::new(PRIVATE, &keys), 1_000, PATIENCE, NOW)
            .await
            .unwrap()
            .unwrap();
        sets.push((filter, keys, set));
        store.save(&batch.iter().collect::<Vec<_>>()).await.unwrap();
        while store.remove_vanished(3).await.unwrap().is_some() {}
        saved += batch.len();
        let stored = dumb_store(&events[..saved], true);
        for (filter, keys, set) in &mut sets {
            let reader = Reader::new(PRIVATE, keys);
            let follow = async |set: &RecordSet| store.follow_records(set, filter, &reader, NOW).await;
            if let Followed::New(new) = follow(set).await.unwrap().unwrap() {
                *set = new;
            }
            assert_eq!(
                records(set),
                expected_records(filter, &Asked::new(reader, &stored, true)),
                "seed {seed}, {}",
                json!(filter)
            );
            let again = follow(set).await.unwrap().unwrap();
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
