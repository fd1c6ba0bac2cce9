//! NIP-50: what is found by its words, and in which order.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod fixture;

use std::time::Duration;

use fixture::{NOW, filter, json, save_batch, save_each};
use protocol::{Filter, Reader, SearchRules, VerifiedEvent, search::Searchable};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};
use store::Store;
use testkit::{Keys, TestDatabase, event, note};

fn rules(languages: &[&str]) -> SearchRules {
    let languages: Vec<String> = languages.iter().map(|name| (*name).to_owned()).collect();
    SearchRules::new(&[0, 1, 30_023], &languages).unwrap()
}

/// A store that finds at most so many candidates.
async fn searching(database: &TestDatabase, rules: SearchRules, ranked: u32) -> Store {
    let store = fixture::connect(database)
        .await
        .with_search(rules, ranked, Duration::from_secs(10));
    store.adopt_search_rules().await.unwrap();
    store
}

async fn store() -> (TestDatabase, Store) {
    let database = TestDatabase::create().await;
    let store = searching(&database, rules(&[]), 1000).await;
    (database, store)
}

/// Until nothing is left to be made searchable.
async fn follow(store: &Store) {
    while store.follow_search(7).await.unwrap().events > 0 {}
}

async fn save(store: &Store, events: &[&VerifiedEvent]) {
    save_each(store, events).await;
    follow(store).await;
}

async fn found(store: &Store, filter: Value) -> Vec<String> {
    fixture::found(store, filter).await
}

async fn count(store: &Store, json: Value) -> u64 {
    store
        .count(&[filter(json)], &Reader::OPERATOR, NOW)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_best_comes_first_and_the_limit_cuts_the_rest() {
    let (_database, store) = store().await;
    let once = note("nostr among a great many other words that say very little about it at all").at(30);
    let once = once.verified();
    let title = event(30_023)
        .tag(["d", "x"])
        .tag(["title", "Nostr"])
        .content("text")
        .at(10);
    let title = title.verified();
    let often = note("nostr nostr nostr").at(20).verified();
    let other = note("something else").at(40).verified();
    save(&store, &[&once, &title, &often, &other]).await;
    let all = found(&store, json!({"search": "nostr"})).await;
    assert_eq!(all, json(&[&title, &often, &once]));
    assert_eq!(
        found(&store, json!({"search": "nostr", "limit": 1})).await,
        json(&[&title])
    );
    let cut = store
        .query(
            &[filter(json!({"search": "nostr", "limit": 2}))],
            &Reader::OPERATOR,
            NOW,
        )
        .await
        .unwrap();
    assert!(!cut.is_complete() && cut.events.len() == 2);
    assert_eq!(count(&store, json!({"search": "nostr"})).await, 3);
}

#[tokio::test]
async fn of_equally_good_ones_the_newest_comes_first() {
    let (_database, store) = store().await;
    let notes: Vec<_> = [3, 1, 2].map(|at| note("gm nostr").at(at).verified()).into();
    save(&store, &notes.iter().collect::<Vec<_>>()).await;
    assert_eq!(
        found(&store, json!({"search": "gm"})).await,
        json(&[&notes[0], &notes[2], &notes[1]])
    );
}

#[tokio::test]
async fn several_searches_are_answered_one_after_the_other() {
    let (_database, store) = store().await;
    let orange = note("orange").at(1).verified();
    let purple = note("purple").at(2).verified();
    let both = note("orange purple").at(3).verified();
    save(&store, &[&orange, &purple, &both]).await;
    let filters = [json!({"search": "orange"}), json!({"search": "purple"})].map(filter);
    let events = store
        .query(&filters, &Reader::OPERATOR, NOW)
        .await
        .unwrap()
        .events;
    let texts: Vec<String> = events
        .iter()
        .map(|event| String::from_utf8(event.json.to_vec()).unwrap())
        .collect();
    assert_eq!(texts, json(&[&orange, &both, &purple]));
    assert_eq!(store.count(&filters, &Reader::OPERATOR, NOW).await.unwrap(), 3);
}

#[tokio::test]
async fn every_other_field_of_the_filter_holds_too() {
    let (_database, store) = store().await;
    let alice = note("apple").at(10).tag(["t", "fruit"]).verified();
    let bob = note("apple").by("bob").at(20).verified();
    let article = event(30_023).tag(["d", "x"]).content("apple").at(30).verified();
    save(&store, &[&alice, &bob, &article]).await;
    for (extra, expected) in [
        (json!({"authors": [Keys::of("bob").pubkey()]}), vec![&bob]),
        (json!({"authors": [Keys::of("nobody").pubkey()]}), vec![]),
        (json!({"kinds": [30_023]}), vec![&article]),
        (json!({"kinds": [7]}), vec![]),
        (json!({"since": 15}), vec![&article, &bob]),
        (json!({"until": 15}), vec![&alice]),
        (json!({"#t": ["fruit"]}), vec![&alice]),
        (json!({"#t": ["none"]}), vec![]),
        (json!({"ids": [alice.id(), bob.id()]}), vec![&bob, &alice]),
        (json!({"ids": [bob.id()], "kinds": [30_023]}), vec![]),
        (
            json!({"authors": [alice.pubkey], "kinds": [1], "since": 5, "#t": ["fruit"]}),
            vec![&alice],
        ),
    ] {
        let mut asked = extra.clone();
        asked["search"] = json!("apple");
        assert_eq!(found(&store, asked.clone()).await, json(&expected), "{asked}");
        assert_eq!(
            count(&store, asked.clone()).await,
            expected.len() as u64,
            "{asked}"
        );
    }
}

#[tokio::test]
async fn what_is_removed_is_found_no_more() {
    let (database, store) = store().await;
    let old = event(0).content(r#"{"name":"oldname"}"#).at(1).verified();
    let gone = note("gone").at(1).verified();
    let brief = note("brief").at(1).tag(["expiration", "100"]).verified();
    save(&store, &[&old, &gone, &brief]).await;
    for word in ["oldname", "gone"] {
        assert_eq!(count(&store, json!({ "search": word })).await, 1, "{word}");
    }
    let new = event(0).content(r#"{"name":"newname"}"#).at(2).verified();
    let deletion = event(5).at(2).tag(["e", &gone.id().to_string()]).verified();
    save(&store, &[&new, &deletion]).await;
    for word in ["oldname", "gone", "brief"] {
        assert!(
            found(&store, json!({ "search": word })).await.is_empty(),
            "{word}"
        );
        assert_eq!(count(&store, json!({ "search": word })).await, 0, "{word}");
    }
    assert_eq!(found(&store, json!({"search": "newname"})).await, json(&[&new]));
    store.remove_expired(NOW, 100).await.unwrap();
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM searchable_contents")
        .fetch_one(&mut database.connect().await)
        .await
        .unwrap();
    assert_eq!(rows, 1, "the words go with their event");
}

/// Removals take turns with what makes events searchable: no word is left behind by an event that goes at that moment.
#[tokio::test]
async fn what_is_removed_at_the_moment_it_becomes_searchable_leaves_nothing_behind() {
    let (database, store) = store().await;
    let writer = fixture::connect(&database).await;
    let writing = tokio::spawn(async move {
        for at in 1..200 {
            let versions: Vec<_> = ["alice", "bob", "carol"]
                .map(|name| {
                    let content = format!(r#"{{"name":"version {at}"}}"#);
                    event(0).by(name).content(&content).at(at).verified()
                })
                .into();
            save_batch(&writer, &versions.iter().collect::<Vec<_>>()).await;
        }
    });
    while !writing.is_finished() {
        store.follow_search(3).await.unwrap();
    }
    writing.await.unwrap();
    follow(&store).await;
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM searchable_contents")
        .fetch_one(&mut database.connect().await)
        .await
        .unwrap();
    assert_eq!(left, 3);
}

#[tokio::test]
async fn other_rules_make_everything_anew_and_leave_others_aside() {
    let (database, first) = store().await;
    let event = note("running").at(1).verified();
    save(&first, &[&event]).await;
    assert!(found(&first, json!({"search": "run"})).await.is_empty());
    let second = searching(&database, rules(&["english"]), 1000).await;
    assert!(found(&second, json!({"search": "run"})).await.is_empty());
    assert_eq!(
        first.follow_search(100).await.unwrap().events,
        0,
        "its rules are out of date"
    );
    follow(&second).await;
    assert_eq!(found(&second, json!({"search": "run"})).await, json(&[&event]));
    assert!(!second.adopt_search_rules().await.unwrap(), "nothing has changed");
}

#[tokio::test]
async fn where_nothing_is_searchable_nothing_is_found() {
    let store = fixture::store().await;
    save_each(&store, &[&note("x").at(1).verified()]).await;
    assert_eq!(store.follow_search(100).await.unwrap().events, 0);
    assert!(found(&store, json!({"search": "x"})).await.is_empty());
    assert_eq!(count(&store, json!({"search": "x"})).await, 0);
    assert_eq!(
        found(&store, json!({"search": ""})).await.len(),
        1,
        "it narrows nothing"
    );
}

#[tokio::test]
async fn a_text_beyond_every_bound_is_stored_and_found_by_its_beginning() {
    let (_database, store) = store().await;
    let nul = note("before\0after \u{1}").at(1).verified();
    let long: String = (0..60_000).map(|n| format!("{:é>60} ", n)).collect();
    let long = note(&format!("start {long}")).at(2).verified();
    let mut tagged = event(30_023).tag(["d", "x"]).at(3);
    for n in 0..2_000 {
        let title: String = (0..20).map(|word| format!("{:ﷺ>40} ", n * 100 + word)).collect();
        tagged = tagged.tag(["title", &title]);
    }
    let tagged = tagged.content("lost").verified();
    save(&store, &[&nul, &long, &tagged]).await;
    assert_eq!(
        found(&store, json!({"search": "before after"})).await,
        json(&[&nul])
    );
    assert_eq!(found(&store, json!({"search": "start"})).await, json(&[&long]));
}

/// Few words, so that texts and queries meet; some stand beside one another in the order of the folded alphabet.
const WORDS: [&str; 9] = [
    "cat",
    "cats",
    "Katze",
    "dog",
    "été",
    "東京都",
    "京",
    "running",
    "ran",
];

fn text(rng: &mut StdRng, most: usize) -> String {
    let count = rng.random_range(0..most);
    let words: Vec<&str> = (0..count).map(|_| *WORDS.choose(rng).unwrap()).collect();
    words.join(" ")
}

fn query(rng: &mut StdRng) -> String {
    let (a, b) = (text(rng, 3), text(rng, 4));
    let (c, d) = (WORDS.choose(rng).unwrap(), WORDS.choose(rng).unwrap());
    match rng.random_range(0..9) {
        0 => format!("{a} {b}"),
        1 => format!("\"{a}\" -{c}"),
        2 => format!("{a} or {b}"),
        3 => format!("m:phrase {b}"),
        4 => format!("m:prefix {} {d}", &c[..c.floor_char_boundary(3)]),
        5 => format!("m:manual {c} & !({d} | '{b}x')"),
        6 => format!("m:manual {c} <2> {d} | 'cat':*"),
        7 => format!("-{c}"),
        _ => format!("nsfw:false {a}"),
    }
}

fn random_search(rng: &mut StdRng, now: u64) -> Value {
    let mut asked = json!({"search": query(rng)});
    if rng.random_bool(0.3) {
        asked["authors"] = json!([Keys::of("alice").pubkey(), Keys::of("bob").pubkey()]);
    }
    if rng.random_bool(0.3) {
        asked["kinds"] = json!([1, 7]);
    }
    if rng.random_bool(0.2) {
        asked["#t"] = json!(["x"]);
    }
    if rng.random_bool(0.3) {
        asked["since"] = json!(now - (1 << rng.random_range(1..31)));
    }
    asked
}

/// What is stored is found as what comes live is: the same words, the same meaning.
#[tokio::test]
async fn stored_and_live_find_the_same() {
    for languages in [&[][..], &["english", "german"]] {
        let seed = rand::rng().random();
        let rng = &mut StdRng::seed_from_u64(seed);
        let rules = rules(languages);
        let database = TestDatabase::create().await;
        // Some events lie in each window of time.
        let now = 1_700_000_000;
        let store = searching(&database, rules.clone(), 1000).await;
        let mut events = Vec::new();
        for number in 0..150 {
            let age = rng.random_range(1..31);
            let at = now - rng.random_range(0..1_u64 << age);
            let kind = *[1, 30_023, 7].choose(rng).unwrap();
            let mut builder = event(kind)
                .by(["alice", "bob", "carol"].choose(rng).unwrap())
                .at(at)
                .tag(["d", &number.to_string()])
                .tag(["t", ["x", "y"].choose(rng).unwrap()])
                .content(&text(rng, 6));
            if rng.random_bool(0.2) {
                builder = builder.tag(["content-warning", ""]);
            }
            events.push(builder.verified());
        }
        save_batch(&store, &events.iter().collect::<Vec<_>>()).await;
        follow(&store).await;
        for _ in 0..120 {
            let asked = random_search(rng, now);
            let filter: Filter = fixture::filter(asked.clone());
            let Some(search) = filter.searched() else { continue };
            let mut expected: Vec<_> = events
                .iter()
                .filter(|event| filter.matches(event))
                .filter(|event| {
                    Searchable::of(event, &rules).is_some_and(|words| words.matches(search, &rules))
                })
                .map(|event| event.id())
                .collect();
            let asked_for = std::slice::from_ref(&filter);
            let found = store.query(asked_for, &Reader::OPERATOR, now).await.unwrap();
            let mut ids: Vec<_> = found.events.iter().map(|event| event.id).collect();
            ids.sort_unstable();
            expected.sort_unstable();
            assert_eq!(ids, expected, "seed {seed}, {languages:?}, {asked}");
            let count = store.count(&[filter], &Reader::OPERATOR, now).await.unwrap();
            assert_eq!(
                count,
                expected.len() as u64,
                "seed {seed}, {languages:?}, {asked}"
            );
        }
    }
}

#[tokio::test]
async fn of_a_common_word_the_newest_are_ranked() {
    let database = TestDatabase::create().await;
    let store = searching(&database, rules(&[]), 10).await;
    let now = 1_700_000_000;
    // The oldest ones are the best.
    let events: Vec<_> = (0..100_u64)
        .map(|n| {
            note(&"gm ".repeat(n as usize / 10 + 1))
                .at(now - n * 86_400)
                .verified()
        })
        .collect();
    save_batch(&store, &events.iter().collect::<Vec<_>>()).await;
    follow(&store).await;
    let filter = filter(json!({"search": "gm", "limit": 3}));
    let found = store.query(&[filter], &Reader::OPERATOR, now).await.unwrap();
    assert!(!found.is_complete() && found.events.len() == 3);
    assert!(
        found
            .events
            .iter()
            .all(|event| event.created_at > now - 15 * 86_400)
    );
}
