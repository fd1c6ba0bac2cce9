//! Who hears of new events.

use std::collections::HashSet;

use bytes::Bytes;
use pubsub::Reply;
use testkit::{event, note};

use crate::fixture::{Fixture, Heard, until};

#[tokio::test]
async fn many_events_are_one_commit_and_few_pages() {
    let mut relay = Fixture::start().await;
    let events: Vec<_> = (0..150)
        .map(|n| note(&n.to_string()).at(n + 1).verified())
        .collect();
    relay.submit(&events.iter().collect::<Vec<_>>()).await;
    let mut sequence = Vec::new();
    for expected in [&events[..100], &events[100..]] {
        let Heard::Live(page) = relay.hear().await else {
            panic!("new events expected")
        };
        sequence.push(page.seq);
        let ids: Vec<_> = page.events().map(|(id, _)| id).collect();
        assert!(
            ids.iter()
                .eq(expected.iter().map(|event| event.id()).collect::<Vec<_>>().iter())
        );
    }
    assert!(
        sequence[0].is_some() && sequence[0] == sequence[1],
        "both tell how far the commit reached"
    );
    assert_eq!(relay.oks().await.len(), 150);
}

#[tokio::test]
async fn a_job_whose_worker_died_after_its_commit_publishes_once_more() {
    let mut relay = Fixture::idle(&[("QUEUE__TAKEOVER_MS", "100")]).await;
    let note = note("").verified();
    relay.submit(&[&note]).await;
    relay.ghost_takes_an_event_job().await;
    relay.store.save(&[&note]).await.unwrap();
    relay.work();
    assert_eq!(relay.live().await, [note.id()]);
    let oks = relay.oks().await;
    assert_eq!((oks.len(), oks[0].1), (1, true));
}

#[tokio::test]
async fn what_could_not_be_published_is_by_the_next_run() {
    // The worker's own connection may answer, but not tell of new events.
    let user = testkit::namespace().replace(':', "");
    let url = testkit::redis_url();
    let (_, host) = url.rsplit_once(['@', '/']).unwrap();
    let own_url = format!("redis://{user}:secret@{host}");
    let mut relay = Fixture::idle(&[("QUEUE__TAKEOVER_MS", "100"), ("REDIS__PUBSUB_URL", &own_url)]).await;
    let answers = format!("&{}", relay.redis.key("events:*:REPLIES"));
    let restricted = [
        "SETUSER",
        &user,
        "on",
        ">secret",
        "+@all",
        "~*",
        "resetchannels",
        &answers,
    ];
    relay.redis.order("ACL", &restricted).await;
    relay.work();

    let (lasting, passing) = (note("").verified(), event(20_001).verified());
    relay.submit(&[&lasting, &passing]).await;
    assert_eq!(relay.oks().await, [(lasting.id(), true, String::new())]);
    assert!(relay.is_stored(&lasting).await);

    relay.redis.order("ACL", &["SETUSER", &user, "allchannels"]).await;
    let (mut published, mut accepted) = (HashSet::new(), HashSet::new());
    while !accepted.contains(&passing.id()) || published.len() < 2 {
        match relay.hear().await {
            Heard::Live(page) => published.extend(page.events().map(|(id, _)| id)),
            Heard::Replies(replies) => accepted.extend(replies.into_iter().map(|reply| match reply {
                Reply::Ok {
                    event,
                    accepted: true,
                    ..
                }
                | Reply::PassedOn { event, .. } => event,
                other => panic!("an OK expected: {other:?}"),
            })),
            other => panic!("new events and OKs expected: {other:?}"),
        }
        assert!(!accepted.contains(&passing.id()) || published.contains(&passing.id()));
    }
    assert_eq!(published, HashSet::from([lasting.id(), passing.id()]));
    relay.redis.order("ACL", &["DELUSER", &user]).await;
}

#[tokio::test]
async fn plugins_get_each_event_on_its_own() {
    let mut relay = Fixture::idle(&[("PLUGINS__COPIES", "always")]).await;
    relay.work();
    let events = [note("a").verified(), note("b").verified()];
    relay.submit(&[&events[0], &events[1]]).await;
    assert_eq!(relay.live().await, [events[0].id(), events[1].id()]);
    for event in &events {
        let Heard::Copy(json) = relay.hear().await else {
            panic!("a copy expected")
        };
        assert_eq!(json, Bytes::from(event.json().to_owned()));
    }
    assert_eq!(relay.oks().await.len(), 2);
}

#[tokio::test]
async fn the_latest_hundred_are_listed_newest_first() {
    let relay = Fixture::start().await;
    let events: Vec<_> = (0..120)
        .map(|n| note(&n.to_string()).at(n + 1).verified())
        .collect();
    relay.submit(&events.iter().collect::<Vec<_>>()).await;
    let key = relay.redis.key("latest-events");
    until("a hundred are listed", async || {
        relay.redis.run::<u64>("LLEN", &[&key]).await == 100
    })
    .await;
    let listed: Vec<String> = relay.redis.run("LRANGE", &[&key, "0", "-1"]).await;
    let newest: Vec<&str> = events.iter().rev().take(100).map(|event| event.json()).collect();
    assert_eq!(listed, newest);
}
