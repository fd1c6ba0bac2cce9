//! What a filter finds, in which order, and whether that was all.

mod fixture;

use fixture::{NOW, connect, filter, found, json, save_batch, store};
use protocol::{EventId, Filter, Reader, VerifiedEvent};
use serde_json::{Value, json};
use store::Store;
use testkit::{Keys, TestDatabase, event, note};

async fn with(events: &[VerifiedEvent]) -> Store {
    let store = store().await;
    save_batch(&store, &events.iter().collect::<Vec<_>>()).await;
    store
}

/// So many notes, newest first, of which pairs are equally old; the lower id comes first.
fn notes(count: u64) -> Vec<VerifiedEvent> {
    let mut notes: Vec<_> = (0..count)
        .map(|n| note(&n.to_string()).tag(["t", "x"]).at(1000 + n / 2).verified())
        .collect();
    notes.sort_by_key(|event| (std::cmp::Reverse(event.created_at), event.id()));
    notes
}

#[tokio::test]
async fn the_newest_come_first_and_the_cut_is_exact_among_equally_old() {
    let notes = notes(20);
    let store = with(&notes).await;
    let author = Keys::of("alice").pubkey();
    for limit in 1..21 {
        let expected = json(&notes[..limit].iter().collect::<Vec<_>>());
        for query in [
            json!({}),
            json!({"kinds": [1]}),
            json!({"authors": [author]}),
            json!({"#t": ["x"]}),
            json!({"kinds": [1, 2], "authors": [author]}),
        ] {
            let mut query = query;
            query["limit"] = limit.into();
            assert_eq!(found(&store, query.clone()).await, expected, "{query}");
        }
    }
}

#[tokio::test]
async fn an_answer_is_complete_when_the_limit_left_nothing_out() {
    let store = with(&notes(10)).await;
    let complete = async |query: Value| {
        store
            .query(&[filter(query)], &Reader::OPERATOR, NOW)
            .await
            .unwrap()
            .is_complete()
    };
    for query in [json!({}), json!({"kinds": [1]}), json!({"#t": ["x"]})] {
        let limited = |limit: u32| {
            let mut query = query.clone();
            query["limit"] = limit.into();
            query
        };
        assert!(!complete(limited(9)).await, "{query}");
        assert!(complete(limited(10)).await, "{query}");
        assert!(complete(limited(11)).await, "{query}");
    }
}

#[tokio::test]
async fn limit_0_finds_nothing_and_says_whether_there_is_something() {
    let store = with(&notes(2)).await;
    let query = async |query: Value| {
        store
            .query(&[filter(query)], &Reader::OPERATOR, NOW)
            .await
            .unwrap()
    };
    let found = query(json!({"limit": 0})).await;
    assert!(found.events.is_empty() && !found.is_complete());
    assert!(query(json!({"limit": 0, "kinds": [7]})).await.is_complete());
}

#[tokio::test]
async fn empty_lists_match_nothing() {
    let store = with(&notes(2)).await;
    for query in [
        json!({"ids": []}),
        json!({"authors": []}),
        json!({"kinds": []}),
        json!({"#e": []}),
        json!({"kinds": [1], "#t": []}),
    ] {
        let found = store
            .query(&[filter(query.clone())], &Reader::OPERATOR, NOW)
            .await
            .unwrap();
        assert!(found.events.is_empty() && found.is_complete(), "{query}");
        assert_eq!(
            store
                .count(&[filter(query.clone())], &Reader::OPERATOR, NOW)
                .await
                .unwrap(),
            0,
            "{query}"
        );
    }
}

#[tokio::test]
async fn since_and_until_are_inclusive() {
    let events: Vec<_> = (0..5).rev().map(|n| note("").at(1000 + n).verified()).collect();
    let store = with(&events).await;
    let expected = json(&events[1..4].iter().collect::<Vec<_>>());
    for query in [
        json!({"since": 1001, "until": 1003}),
        json!({"kinds": [1], "since": 1001, "until": 1003}),
    ] {
        assert_eq!(found(&store, query).await, expected);
    }
}

#[tokio::test]
async fn filters_are_ored_each_with_its_limit_and_each_event_once() {
    let notes = notes(6);
    let store = with(&notes).await;
    let filters: Vec<Filter> = [
        json!({"limit": 2}),
        json!({"limit": 3}),
        json!({"ids": [notes[5].id()]}),
    ]
    .map(filter)
    .into();
    let found = store.query(&filters, &Reader::OPERATOR, NOW).await.unwrap();
    let ids: Vec<EventId> = found.events.iter().map(|event| event.id).collect();
    assert_eq!(ids, [notes[0].id(), notes[1].id(), notes[2].id(), notes[5].id()]);
    assert!(!found.is_complete());
    assert_eq!(store.count(&filters, &Reader::OPERATOR, NOW).await.unwrap(), 6);
}

#[tokio::test]
async fn no_filter_finds_nothing() {
    let found = with(&notes(2))
        .await
        .query(&[], &Reader::OPERATOR, NOW)
        .await
        .unwrap();
    assert!(found.events.is_empty() && found.is_complete());
}

#[tokio::test]
async fn an_event_with_several_of_the_values_is_found_once() {
    let store = store().await;
    let many = note("")
        .tag(["t", "a"])
        .tag(["t", "b"])
        .tag(["t", "a"])
        .at(1000)
        .verified();
    let one = note("").tag(["t", "b"]).at(999).verified();
    save_batch(&store, &[&many, &one]).await;
    let query = json!({"#t": ["a", "b", "c", "d", "e", "f"], "limit": 2});
    assert_eq!(found(&store, query.clone()).await, json(&[&many, &one]));
    assert_eq!(
        store
            .count(&[filter(query)], &Reader::OPERATOR, NOW)
            .await
            .unwrap(),
        2
    );
}

/// Where the tag with several values drives, and the other has to be looked up.
#[tokio::test]
async fn an_event_with_several_of_the_values_and_another_tag_is_found_once() {
    let store = store().await;
    let mut events: Vec<VerifiedEvent> = (0..200)
        .map(|n| note("").tag(["r", "x"]).at(2000 + n).verified())
        .collect();
    let many = ["a", "b", "c", "d"]
        .iter()
        .fold(note(""), |note, value| note.tag(["t", value]))
        .tag(["r", "x"])
        .at(1000)
        .verified();
    let one = note("").tag(["t", "b"]).tag(["r", "x"]).at(999).verified();
    events.extend([many.clone(), one.clone()]);
    save_batch(&store, &events.iter().collect::<Vec<_>>()).await;
    let query = json!({"#t": ["a", "b", "c", "d", "e", "f"], "#r": ["x"], "limit": 2});
    assert_eq!(found(&store, query).await, json(&[&many, &one]));
}

/// Each of many values has so little that all of it is read at once, whatever its kind.
#[tokio::test]
async fn several_kinds_of_many_values_and_another_tag() {
    let store = store().await;
    let people: Vec<String> = (0..60).map(|n| format!("{n:064x}")).collect();
    let to_each = |kind: u16, from: u64| {
        let with_tags = move |(n, person): (u64, &String)| {
            let event = event(kind).tag(["p", person]).tag(["t", "a"]).at(from + n);
            event.verified()
        };
        (0..).zip(&people).map(with_tags).collect::<Vec<_>>()
    };
    let mut wanted = to_each(1, 1000);
    wanted.extend(to_each(7, 3000));
    let others = (0..300).map(|n| note("").tag(["t", "a"]).at(2000 + n).verified());
    let events: Vec<VerifiedEvent> = wanted
        .iter()
        .cloned()
        .chain(to_each(6, 4000))
        .chain(others)
        .collect();
    for batch in events.chunks(200) {
        save_batch(&store, &batch.iter().collect::<Vec<_>>()).await;
    }
    let newest: Vec<&VerifiedEvent> = wanted.iter().rev().collect();
    for limit in [1, 70, 500] {
        let query = json!({"#p": people, "#t": ["a"], "kinds": [1, 7], "limit": limit});
        let expected = &newest[..limit.min(newest.len())];
        assert_eq!(found(&store, query).await, json(expected));
    }
}

#[tokio::test]
async fn different_tags_must_all_match() {
    let store = store().await;
    let both = note("").tag(["t", "a"]).tag(["r", "b"]).at(1000).verified();
    let only_t = note("").tag(["t", "a"]).tag(["r", "c"]).at(1001).verified();
    let only_r = note("").tag(["r", "b"]).at(1002).verified();
    save_batch(&store, &[&both, &only_t, &only_r]).await;
    for query in [
        json!({"#t": ["a"], "#r": ["b"]}),
        json!({"#t": ["a"], "#r": ["b", "z"], "kinds": [1, 7]}),
    ] {
        assert_eq!(found(&store, query).await, json(&[&both]));
    }
}

#[tokio::test]
async fn letters_of_tags_keep_their_case_and_only_the_first_value_counts() {
    let store = store().await;
    let upper = note("").tag(["E", "x", "y"]).at(1000).verified();
    let lower = note("").tag(["e", "x"]).tag(["title", "y"]).at(1001).verified();
    save_batch(&store, &[&upper, &lower]).await;
    assert_eq!(found(&store, json!({"#E": ["x"]})).await, json(&[&upper]));
    assert_eq!(found(&store, json!({"#t": ["x", "y"]})).await, json(&[]));
    assert_eq!(found(&store, json!({"#E": ["y"]})).await, json(&[]));
}

#[tokio::test]
async fn ids_obey_the_other_conditions() {
    let event = event(7).by("bob").tag(["r", "x"]).at(1000).verified();
    let store = with(std::slice::from_ref(&event)).await;
    let id = event.id();
    let bob = Keys::of("bob").pubkey();
    assert_eq!(
        found(
            &store,
            json!({"ids": [id], "kinds": [7], "authors": [bob], "#r": ["x"]})
        )
        .await,
        json(&[&event])
    );
    for query in [
        json!({"ids": [id], "kinds": [1]}),
        json!({"ids": [id], "authors": [Keys::of("alice").pubkey()]}),
        json!({"ids": [id], "#r": ["y"]}),
        json!({"ids": [id], "since": 1001}),
    ] {
        assert!(found(&store, query).await.is_empty());
    }
}

#[tokio::test]
async fn a_thousand_authors_of_whom_nobody_knows_most() {
    let mut events = Vec::new();
    for (n, name) in ["alice", "bob", "carol"].iter().enumerate() {
        events.push(note("").by(name).at(1000 - n as u64).verified());
    }
    let store = with(&events).await;
    let mut authors: Vec<String> = (0..997).map(|n| format!("{n:064x}")).collect();
    authors.extend(["alice", "bob", "carol"].map(|name| Keys::of(name).pubkey()));
    for query in [
        json!({"authors": authors}),
        json!({"authors": authors, "kinds": [1, 6]}),
    ] {
        assert_eq!(
            found(&store, query).await,
            json(&events.iter().collect::<Vec<_>>())
        );
    }
}

/// Who wrote lately is found by a glance at what is newest, and who did not by a look at each.
#[tokio::test]
async fn many_authors_are_found_before_and_behind_what_others_wrote() {
    let by = |author: u64, n: u64, kind: u64| {
        let json = format!(
            r#"{{"id":"{n:064x}","pubkey":"{author:064x}","created_at":{},"kind":{kind},"tags":[],"content":"","sig":"{}"}}"#,
            1000 + n,
            "2".repeat(128)
        );
        VerifiedEvent::from_canonical(json).unwrap()
    };
    const OTHER: u64 = 1_000_000;
    // Of sixty people, each by two kinds; then others, so many that a glance ends among them; then ten of the sixty again.
    let mut events: Vec<VerifiedEvent> = (0..120).map(|n| by(1 + n % 60, n, 1 + 5 * (n / 60))).collect();
    events.extend((120..3000).map(|n| by(OTHER + n % 7, n, 1)));
    events.extend((3000..3010).map(|n| by(1 + n % 60, n, 1)));
    let store = store().await;
    for batch in events.chunks(1000) {
        save_batch(&store, &batch.iter().collect::<Vec<_>>()).await;
    }
    let people: Vec<String> = (1..=60).map(|author| format!("{author:064x}")).collect();
    for kinds in [json!([1, 6]), json!([1]), Value::Null] {
        for (until, limit) in [
            (9000, 5),
            (9000, 10),
            (9000, 11),
            (9000, 500),
            (3000, 4),
            (1119, 60),
            (1090, 500),
        ] {
            let wanted = |event: &&VerifiedEvent| {
                event.created_at <= until
                    && people.contains(&event.pubkey.to_string())
                    && (kinds != json!([1]) || event.json().contains("\"kind\":1,"))
            };
            let expected: Vec<&VerifiedEvent> = events.iter().rev().filter(wanted).take(limit).collect();
            let mut query = json!({"authors": people, "until": until, "limit": limit});
            if !kinds.is_null() {
                query["kinds"] = kinds.clone();
            }
            assert_eq!(
                found(&store, query).await,
                json(&expected),
                "{kinds} {until} {limit}"
            );
        }
    }
}

/// So many that neither tag may drive by itself: the search goes back in time by windows, if they are so many to the end.
#[tokio::test]
async fn two_popular_tags_are_found_together_however_far_back() {
    const DAY: u64 = 86_400;
    let database = TestDatabase::create().await;
    let store = connect(&database).await;
    // Each has one of the tags, every thousandth both; two a day.
    let events: Vec<VerifiedEvent> = (0..9000)
        .map(|n| {
            let tags = match n % 1000 {
                0 => r#"["t","a"],["r","b"]"#,
                n if n % 2 == 0 => r#"["t","a"]"#,
                _ => r#"["r","b"]"#,
            };
            let created_at = NOW - n * DAY / 2;
            let (pubkey, sig) = ("1".repeat(64), "2".repeat(128));
            VerifiedEvent::from_canonical(format!(
                r#"{{"id":"{n:064x}","pubkey":"{pubkey}","created_at":{created_at},"kind":1,"tags":[{tags}],"content":"","sig":"{sig}"}}"#
            ))
            .unwrap()
        })
        .collect();
    for batch in events.chunks(1000) {
        save_batch(&store, &batch.iter().collect::<Vec<_>>()).await;
    }
    let both: Vec<&VerifiedEvent> = events.iter().step_by(1000).collect();
    are_found_together(&store, &both).await;
    // Ten times as many of each, with nothing behind them, which costs as much to look at.
    sqlx::query(
        "INSERT INTO searchable_tags (tag, created_at, id_head, event, kind, author)
        SELECT tag, created_at, id_head, event + n * 100000, kind, author FROM searchable_tags, generate_series(1, 9) n
        WHERE event NOT IN (SELECT event FROM searchable_tags GROUP BY event HAVING count(*) > 1)",
    )
    .execute(&mut database.connect().await)
    .await
    .unwrap();
    are_found_together(&store, &both).await;
}

/// Nine, a thousand half days from one to the next.
async fn are_found_together(store: &Store, both: &[&VerifiedEvent]) {
    const DAY: u64 = 86_400;
    for limit in [1, 2, 5, 9, 10] {
        let query = json!({"#t": ["a"], "#r": ["b"], "limit": limit});
        let found = store
            .query(&[filter(query.clone())], &Reader::OPERATOR, NOW)
            .await
            .expect("queries");
        assert_eq!(found.is_complete(), limit >= 9, "{limit}");
        assert_eq!(fixture::found(store, query).await, json(&both[..limit.min(9)]));
    }
    let query = json!({"#t": ["a"], "#r": ["b"], "until": NOW - 1500 * DAY, "since": NOW - 3500 * DAY});
    assert_eq!(found(store, query).await, json(&both[3..8]));
}
