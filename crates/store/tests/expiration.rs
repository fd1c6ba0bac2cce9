//! Expiration (NIP-40): what has expired is never sent, and is removed when its turn comes.

mod fixture;

use std::time::Duration;

use fixture::{filter, found_at, json, save_batch, store};
use protocol::{Filter, Reader, VerifiedEvent};
use serde_json::json;
use store::{Followed, RecordSet, SaveOutcome::Stored, Store};
use testkit::{event, note};

fn expiring(content: &str, at: u64, expires_at: u64) -> VerifiedEvent {
    note(content)
        .tag(["expiration", &expires_at.to_string()])
        .tag(["t", "x"])
        .at(at)
        .verified()
}

#[tokio::test]
async fn an_expired_event_is_not_sent_from_its_second_on() {
    let store = store().await;
    let event = expiring("a", 1000, 2000);
    save_batch(&store, &[&event]).await;
    for query in [
        json!({}),
        json!({"ids": [event.id()]}),
        json!({"#t": ["x"]}),
        json!({"authors": [event.pubkey]}),
    ] {
        assert_eq!(
            found_at(&store, query.clone(), 1999).await,
            json(&[&event]),
            "{query}"
        );
        assert!(found_at(&store, query.clone(), 2000).await.is_empty(), "{query}");
        assert_eq!(
            store
                .count(&[filter(query.clone())], &Reader::OPERATOR, 1999)
                .await
                .unwrap(),
            1,
            "{query}"
        );
        assert_eq!(
            store
                .count(&[filter(query.clone())], &Reader::OPERATOR, 2000)
                .await
                .unwrap(),
            0,
            "{query}"
        );
    }
}

#[tokio::test]
async fn expired_events_do_not_use_up_the_limit() {
    let store = store().await;
    let mut events: Vec<_> = (0..40).map(|n| expiring("gone", 2000 + n, 3000)).collect();
    events.extend(
        (0..5)
            .rev()
            .map(|n| note("kept").tag(["t", "x"]).at(1000 + n).verified()),
    );
    save_batch(&store, &events.iter().collect::<Vec<_>>()).await;
    let kept: Vec<_> = events[40..].iter().collect();
    for query in [
        json!({"limit": 3}),
        json!({"limit": 3, "#t": ["x"]}),
        json!({"limit": 3, "kinds": [1]}),
    ] {
        assert_eq!(
            found_at(&store, query.clone(), 3000).await,
            json(&kept[..3]),
            "{query}"
        );
    }
    assert_eq!(found_at(&store, json!({"limit": 10}), 3000).await, json(&kept));
}

#[tokio::test]
async fn a_thousand_expired_events_in_front_of_one_are_passed() {
    let store = store().await;
    let expired: Vec<_> = (0..1500).map(|n| expiring("gone", 2000 + n, 4000)).collect();
    let kept = note("kept").at(1000).verified();
    save_batch(&store, &expired.iter().collect::<Vec<_>>()).await;
    save_batch(&store, &[&kept]).await;
    assert_eq!(
        found_at(&store, json!({"kinds": [1], "limit": 1}), 4000).await,
        json(&[&kept])
    );
}

#[tokio::test]
async fn removal_takes_what_expired_and_nothing_else() {
    let store = store().await;
    let events = [
        expiring("a", 1000, 2000),
        expiring("b", 1001, 2001),
        expiring("c", 1002, 2002),
        note("d").at(1003).verified(),
    ];
    save_batch(&store, &events.each_ref()).await;
    assert_eq!(store.remove_expired(1999, 100).await.unwrap(), 0);
    assert_eq!(store.remove_expired(2001, 1).await.unwrap(), 1);
    assert_eq!(store.remove_expired(2001, 100).await.unwrap(), 1);
    assert_eq!(store.remove_expired(2001, 100).await.unwrap(), 0);
    assert_eq!(left(&store).await, json(&[&events[3], &events[2]]));
    assert_eq!(
        found_at(&store, json!({"#t": ["x"]}), 0).await,
        json(&[&events[2]])
    );
}

async fn left(store: &Store) -> Vec<String> {
    found_at(store, json!({}), 0).await
}

#[tokio::test]
async fn a_far_expiration_is_kept_and_an_odd_one_ignored() {
    let store = store().await;
    let far = note("far")
        .tag(["expiration", &u64::MAX.to_string()])
        .at(1001)
        .verified();
    let odd = note("odd").tag(["expiration", "tomorrow"]).at(1000).verified();
    assert_eq!(save_batch(&store, &[&far, &odd]).await, [Stored, Stored]);
    assert_eq!(
        found_at(&store, json!({}), 4_000_000_000).await,
        json(&[&far, &odd])
    );
}

#[tokio::test]
async fn a_removed_version_does_not_stand_in_the_way() {
    let store = store().await;
    let short = event(10_002).tag(["expiration", "2000"]).at(1500).verified();
    let long = event(10_002).at(1000).verified();
    save_batch(&store, &[&short]).await;
    store.remove_expired(2000, 10).await.unwrap();
    assert_eq!(save_batch(&store, &[&long]).await, [Stored]);
}

/// What is kept for reconciliations (NIP-77) forgets with the clock, before the event is removed.
#[tokio::test]
async fn a_set_that_is_there_loses_what_expires() {
    let store = store().await;
    let (brief, lasting) = (expiring("brief", 1001, 2000), note("lasting").at(1000).verified());
    save_batch(&store, &[&brief, &lasting]).await;
    for limit in [None, Some(1)] {
        let asked = Filter {
            limit,
            ..Filter::default()
        };
        let (reader, patience) = (Reader::OPERATOR, Duration::from_secs(5));
        let set = store.record_set(&asked, &reader, 10, patience, 1999).await;
        let set = set.unwrap().unwrap();
        let ids = |set: &RecordSet| set.records.iter().map(|record| record.id).collect::<Vec<_>>();
        assert!(ids(&set).contains(&brief.id()));
        let same = store.follow_records(&set, &asked, &reader, 1999).await;
        assert!(matches!(same, Ok(Some(Followed::Same))), "{same:?}");
        match (
            store.follow_records(&set, &asked, &reader, 2000).await.unwrap(),
            limit,
        ) {
            (Some(Followed::New(set)), None) => {
                assert_eq!(ids(&set), [lasting.id()]);
                let same = store.follow_records(&set, &asked, &reader, 2001).await;
                assert!(matches!(same, Ok(Some(Followed::Same))), "{same:?}");
            }
            // An older one takes its place: the set is read anew.
            (None, Some(_)) => {}
            (other, _) => panic!("{limit:?} {other:?}"),
        }
    }
}
