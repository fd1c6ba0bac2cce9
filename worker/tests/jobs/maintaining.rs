//! What recurs, and what is asked for when something was missed.

use pubsub::{ConnectionId, ProcessId};
use queue::jobs::{Import, Maintenance, Task, Version};
use serde_json::{json, value::to_raw_value};
use testkit::{event, note};

use crate::fixture::{Fixture, Heard, until};

fn task(task: Task) -> Maintenance {
    Maintenance { v: Version, task }
}

#[tokio::test]
async fn expired_events_are_removed() {
    let relay = Fixture::idle(&[("WORKER__MAINTENANCE_BATCH", "2")]).await;
    let expired: Vec<_> = (0..5)
        .map(|n| note(&n.to_string()).tag(["expiration", "1000"]).verified())
        .collect();
    let lasting = note("").tag(["expiration", "99999999999"]).verified();
    relay
        .store
        .save(&expired.iter().chain([&lasting]).collect::<Vec<_>>())
        .await
        .unwrap();
    assert!(relay.is_stored(&expired[4]).await);
    relay.work();
    until("all five are gone", async || {
        for event in &expired {
            if relay.is_stored(event).await {
                return false;
            }
        }
        true
    })
    .await;
    assert!(relay.is_stored(&lasting).await);
}

#[tokio::test]
async fn what_a_killed_relay_left_is_removed_and_the_others_stay() {
    let relay = Fixture::idle(&[]).await;
    let redis = &relay.redis;
    let (killed, alive) = (ProcessId::random(), ProcessId::random());
    let (dead, silent) = (ConnectionId::random(killed), ConnectionId::random(killed));
    let living = ConnectionId::random(alive);
    let now = runtime::clock::unix_millis().to_string();
    let key = |name: &str| redis.key(name);
    for (process, seen) in [(killed, "1000"), (alive, now.as_str())] {
        let process = process.to_string();
        redis
            .run::<u64>("HSET", &[&key("relay_processes"), &process, seen])
            .await;
    }
    for id in [dead, silent, living] {
        redis
            .run::<u64>("SADD", &[&key("connections"), id.as_str()])
            .await;
        redis
            .run::<u64>("HSET", &[&key("connections_ips"), id.as_str(), "127.0.0.1"])
            .await;
    }
    for id in [dead, living] {
        redis
            .run::<u64>("SADD", &[&key(&format!("client_reqs:{id}")), "feed", "a:b"])
            .await;
        for subscription in ["feed", "a:b"] {
            let name = key(&format!("subscriptions:{id}:{subscription}"));
            redis.run::<String>("SET", &[&name, "[{}]"]).await;
        }
    }
    relay.work();
    until("the dead one is gone", async || {
        redis.run::<u64>("HLEN", &[&key("relay_processes")]).await == 1
    })
    .await;
    let left: Vec<String> = redis.run("SMEMBERS", &[&key("connections")]).await;
    assert_eq!(left, [living.as_str()]);
    assert_eq!(redis.run::<u64>("HLEN", &[&key("connections_ips")]).await, 1);
    let mut keys: Vec<String> = redis.run("KEYS", &[&key("*:*")]).await;
    keys.retain(|name| name.contains(dead.as_str()) || name.contains(living.as_str()));
    assert_eq!(keys.len(), 3, "{keys:?}");
    assert!(keys.iter().all(|name| name.contains(living.as_str())));
}

#[tokio::test]
async fn counters_without_an_end_are_removed() {
    let relay = Fixture::idle(&[]).await;
    let (endless, counting) = (
        relay.redis.key("requests:10.0.0.1"),
        relay.redis.key("requests:::1"),
    );
    relay.redis.run::<u64>("ZADD", &[&endless, "1", "events"]).await;
    relay.redis.run::<u64>("ZADD", &[&counting, "1", "events"]).await;
    relay.redis.run::<u64>("EXPIRE", &[&counting, "1000"]).await;
    relay.work();
    until("it is gone", async || {
        relay.redis.run::<u64>("EXISTS", &[&endless]).await == 0
    })
    .await;
    assert_eq!(relay.redis.run::<u64>("EXISTS", &[&counting]).await, 1);
}

#[tokio::test]
async fn a_process_that_missed_events_gets_them_again() {
    let mut relay = Fixture::start().await;
    let notes: Vec<_> = (0..150)
        .map(|n| note(&n.to_string()).at(n + 1).verified())
        .collect();
    relay.store.save(&[&notes[0]]).await.unwrap();
    let seen = relay.store.accepted_after(0, 1, u32::MAX).await.unwrap()[0].seq;
    relay
        .store
        .save(&notes[1..].iter().collect::<Vec<_>>())
        .await
        .unwrap();
    let process = relay.process.to_string();
    relay.push(&task(Task::CatchUp { process, after: seen })).await;
    let mut got = Vec::new();
    while got.len() < 149 {
        let Heard::Live(page) = relay.hear().await else {
            panic!("new events expected")
        };
        assert!(page.seq.is_some_and(|seq| seq > seen));
        got.extend(page.events().map(|(id, _)| id));
    }
    assert!(
        got.iter()
            .eq(notes[1..].iter().map(|note| note.id()).collect::<Vec<_>>().iter())
    );
}

#[tokio::test]
async fn an_import_is_checked_stored_and_published_but_not_answered() {
    let mut relay = Fixture::start().await;
    let good = note("from elsewhere").sign();
    let mut forged = note("forged").sign();
    forged["content"] = json!("something else");
    let protected = note("").tag(["-"]).sign();
    let passing = event(20_001).sign();
    let events = [&forged, &protected, &passing, &good, &json!("no event")];
    relay
        .push(&Import {
            v: Version,
            events: events.iter().map(|event| to_raw_value(event).unwrap()).collect(),
        })
        .await;
    let published = relay.live().await;
    assert_eq!(published.len(), 1);
    assert_eq!(json!(published[0]), good["id"]);
    // Nothing else is said: the next message belongs to the next job.
    relay.ask(json!([{"ids": [good["id"]], "limit": 1}])).await;
    assert_eq!(relay.stored().await.events().count(), 1);
}
