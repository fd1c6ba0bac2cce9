//! Postgres is away, refuses, or comes back; a process is not there to hear its answers; a worker ends.

use pubsub::{ConnectionId, ProcessId};
use queue::{
    Queue,
    jobs::{Client, NewEventsJson},
};
use serde_json::json;
use testkit::{event, note};

use crate::fixture::{Fixture, until};

/// Kind 6666 breaks a constraint that no policy knows of.
const POISON: &str = "
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF NEW.kind = 6666 THEN RAISE EXCEPTION 'poison' USING ERRCODE = '22023'; END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER refuse BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION refuse();";

#[tokio::test]
async fn an_event_that_postgres_refuses_does_not_take_its_neighbours_with_it() {
    let mut relay = Fixture::start().await;
    relay.database.run(POISON).await;
    let (before, poison, after) = (
        note("before").verified(),
        event(6666).verified(),
        note("after").verified(),
    );
    relay.submit(&[&before, &poison, &after]).await;
    assert_eq!(relay.live().await, [before.id(), after.id()]);
    let refused = "error: the event could not be stored".to_owned();
    assert_eq!(
        relay.oks().await,
        [
            (before.id(), true, String::new()),
            (poison.id(), false, refused),
            (after.id(), true, String::new()),
        ]
    );
    assert_eq!(relay.dead().await, 0, "to try again would change nothing");
}

/// Events are refused three times with this code, and no more: a sequence does not come back with what is rolled back.
fn three_times(code: &str) -> String {
    format!(
        "CREATE SEQUENCE refusals;
        CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF nextval('refusals') <= 3 THEN RAISE EXCEPTION 'try again' USING ERRCODE = '{code}'; END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION refuse();"
    )
}

/// What another transaction was in the way of is stored when it is out of the way.
async fn is_saved_in_the_end(code: &str) {
    let mut relay = Fixture::idle(&[("QUEUE__TAKEOVER_MS", "100")]).await;
    relay.database.run(&three_times(code)).await;
    relay.work();
    let events: Vec<_> = (0..3).map(|n| note(&n.to_string()).verified()).collect();
    relay.submit(&events.iter().collect::<Vec<_>>()).await;
    assert_eq!(
        relay.live().await,
        events.iter().map(|event| event.id()).collect::<Vec<_>>()
    );
    let oks = events.iter().map(|event| (event.id(), true, String::new()));
    assert_eq!(relay.oks().await, oks.collect::<Vec<_>>());
    // The next message belongs to the next job: nobody was answered twice.
    let next = note("next").verified();
    relay.submit(&[&next]).await;
    assert_eq!(relay.live().await, [next.id()]);
    assert_eq!(relay.oks().await, [(next.id(), true, String::new())]);
    until("all jobs are done", async || {
        relay.producer.waiting(Queue::Event).await.unwrap() == 0
    })
    .await;
    assert_eq!(relay.dead().await, 0);
}

#[tokio::test]
async fn events_that_postgres_gave_up_in_a_deadlock_are_saved_again() {
    is_saved_in_the_end("40P01").await;
}

#[tokio::test]
async fn events_that_could_not_be_serialized_are_saved_again() {
    is_saved_in_the_end("40001").await;
}

#[tokio::test]
async fn while_postgres_is_away_a_job_waits_and_is_answered_once() {
    let mut relay = Fixture::idle(&[("QUEUE__TAKEOVER_MS", "100"), ("QUEUE__MAX_ATTEMPTS", "100")]).await;
    relay.work();
    let first = note("first").verified();
    relay.submit(&[&first]).await;
    assert_eq!(relay.live().await, [first.id()]);
    assert_eq!(relay.oks().await.len(), 1);

    relay.database.shut().await;
    let second = note("second").verified();
    relay.submit(&[&second]).await;
    let stream = relay.redis.key("queue:nostr:event");
    until("it has been tried in vain", async || {
        let pending: Vec<(String, String, u64, u64)> = relay
            .redis
            .run("XPENDING", &[&stream, "workers", "-", "+", "10"])
            .await;
        pending.first().is_some_and(|(.., deliveries)| *deliveries > 1)
    })
    .await;
    relay.database.open().await;
    assert_eq!(relay.live().await, [second.id()]);
    assert_eq!(relay.oks().await, [(second.id(), true, String::new())]);
    assert_eq!(relay.dead().await, 0);
}

#[tokio::test]
async fn when_postgres_stays_away_the_last_attempt_says_so() {
    let mut relay = Fixture::idle(&[("QUEUE__TAKEOVER_MS", "100"), ("QUEUE__MAX_ATTEMPTS", "2")]).await;
    relay.work();
    relay.submit(&[&note("").verified()]).await;
    relay.live().await;
    relay.oks().await;

    relay.database.shut().await;
    let event = note("in vain").verified();
    relay.submit(&[&event]).await;
    let refused = "error: the event could not be stored".to_owned();
    assert_eq!(relay.oks().await, [(event.id(), false, refused)]);
    relay.ask(json!([{"kinds": [1], "limit": 5}])).await;
    let pubsub::Reply::Closed { reason, .. } = relay.reply().await else {
        panic!("a CLOSED expected")
    };
    assert_eq!(reason, "error: could not read stored events");
    until("an operator can look at the job", async || {
        relay.dead().await == 1
    })
    .await;
    relay.database.open().await;
}

#[tokio::test]
async fn an_answer_that_nobody_heard_is_given_a_second_time_and_no_more() {
    let mut relay = Fixture::idle(&[("QUEUE__TAKEOVER_MS", "100")]).await;
    relay.work();
    let (event, gone) = (note("").verified(), ConnectionId::random(ProcessId::random()));
    let mut job = NewEventsJson::default();
    job.push(gone.as_str(), &Client::default(), None, event.json());
    relay.push_json(Queue::Event, job).await;
    assert_eq!(relay.live().await, [event.id()]);
    // The second run takes its duplicate for unpublished.
    assert_eq!(relay.live().await, [event.id()]);
    until("it is done", async || {
        relay.producer.waiting(Queue::Event).await.unwrap() == 0
    })
    .await;
    assert_eq!(relay.dead().await, 0);
}

#[tokio::test]
async fn a_worker_that_ends_finishes_what_it_has() {
    let mut relay = Fixture::idle(&[]).await;
    let events: Vec<_> = (0..50).map(|n| note(&n.to_string()).verified()).collect();
    for event in &events {
        relay.submit(&[event]).await;
    }
    let worker = relay.work();
    let mut answered = relay.count_oks().await;
    relay.finish();
    worker.await.unwrap();
    let left = relay.producer.waiting(Queue::Event).await.unwrap();
    while answered + (left as usize) < events.len() {
        answered += relay.count_oks().await;
    }
    assert_eq!(
        answered + left as usize,
        events.len(),
        "each is answered or waits"
    );
}
