//! A subscription between the threads that have something for it: pages of stored events, new events, its client, its deadline.

use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::FutureExt;
use parking_lot::Mutex;
use protocol::{Filter, SearchRules, SubscriptionId, VerifiedEvent};
use pubsub::{FoundPage, PageHeader, PageWriter};
use serde_json::{Value, json};
use shuttle::thread::{self, JoinHandle};
use testkit::{event, in_any_order};

use super::connection;
use crate::{
    connection::{Connection, Registered},
    subscriptions::{LastFrame, LiveIndex, Subscription},
};

static EVENTS: LazyLock<Vec<VerifiedEvent>> =
    LazyLock::new(|| (1..=4).map(|at| event(1).at(at).verified()).collect());

/// What the client did, among the messages that it gets.
const DID: &str = "CLIENT";

struct World {
    connection: Arc<Connection>,
    live: LiveIndex,
    committed: Mutex<Vec<&'static VerifiedEvent>>,
}

impl World {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            connection: connection(),
            live: LiveIndex::new(SearchRules::default()),
            committed: Mutex::default(),
        })
    }

    /// Commits and publishes these, as a worker does.
    fn work(self: &Arc<Self>, events: &'static [VerifiedEvent]) -> JoinHandle<()> {
        let world = Arc::clone(self);
        thread::spawn(move || {
            for event in events {
                world.committed.lock().push(event);
                let json = Bytes::from_static(event.json().as_bytes());
                for subscription in world.live.matching(event, None) {
                    subscription
                        .live(event.id(), &json, &mut LastFrame::default())
                        .unwrap();
                }
            }
        })
    }

    fn req(&self) -> Arc<Subscription> {
        let filter: Filter = serde_json::from_value(json!({"kinds": [1]})).unwrap();
        let subscription = Arc::new(Subscription::replaying(
            SubscriptionId::new("a").unwrap(),
            self.connection.next_generation(),
            // Two that both match: still once.
            vec![filter.clone(), filter],
            Arc::clone(&self.connection.line),
            Instant::now(),
        ));
        let hung = self.live.insert(&subscription);
        let replaced = self.connection.subscribe(Registered {
            subscription: Arc::clone(&subscription),
            hung,
        });
        if let Some(replaced) = replaced {
            self.end(&replaced);
        }
        self.client_did("REQ");
        subscription
    }

    fn end(&self, registered: &Registered) {
        self.live.remove(&registered.hung);
        registered.subscription.end();
    }

    fn client_did(&self, what: &str) {
        let message = json!([DID, what]).to_string();
        self.connection.line.outbox().push(message.into());
    }

    /// Looks up what is committed, and sends it in two pages.
    fn query(self: &Arc<Self>, generation: u64) -> JoinHandle<()> {
        let world = Arc::clone(self);
        thread::spawn(move || {
            let found = world.committed.lock().clone();
            let (first, last) = found.split_at(found.len() / 2);
            for (events, end) in [(first, false), (last, true)] {
                let mut page = PageWriter::stored(PageHeader {
                    generation,
                    end,
                    hint: None,
                });
                events.iter().for_each(|event| page.push(event.json()));
                let page = FoundPage::parse(page.finish()).unwrap();
                if let Some(subscription) = world.connection.subscription("a") {
                    subscription.stored(&page, Instant::now());
                }
            }
        })
    }

    /// What the client got since it did something last, with what that was.
    fn seen(&self) -> (String, Vec<[String; 2]>) {
        let waiting = self.connection.line.outbox().next().now_or_never().unwrap();
        let mut since = (String::new(), Vec::new());
        for message in waiting.messages {
            let message: Value = serde_json::from_slice(&message).unwrap();
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            match text(&message[0]).as_str() {
                DID => since = (text(&message[1]), Vec::new()),
                kind => since.1.push([kind.to_owned(), text(&message[2]["id"])]),
            }
        }
        since
    }
}

fn join_all(threads: impl IntoIterator<Item = JoinHandle<()>>) {
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

fn assert_is_complete(seen: &[[String; 2]]) {
    let events = seen.iter().filter(|[kind, _]| kind == "EVENT");
    let ids: Vec<_> = events.map(|[_, id]| id.clone()).collect();
    assert_eq!(ids.len(), EVENTS.len(), "{seen:?}");
    let all: BTreeSet<String> = EVENTS.iter().map(|event| event.id().to_string()).collect();
    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), all);
    assert_eq!(seen.iter().filter(|[kind, _]| kind == "EOSE").count(), 1);
}

#[test]
fn each_event_comes_once_whoever_is_first() {
    in_any_order(|| {
        let world = World::new();
        let workers = [world.work(&EVENTS[..2]), world.work(&EVENTS[2..])];
        let subscription = world.req();
        let query = world.query(subscription.generation());
        join_all(workers.into_iter().chain([query]));
        assert_is_complete(&world.seen().1);
    });
}

#[test]
fn a_subscription_that_is_replaced_gives_nothing_to_the_next_one() {
    in_any_order(|| {
        let world = World::new();
        let worker = world.work(&EVENTS);
        let queries = [(); 2].map(|()| {
            let generation = world.req().generation();
            world.query(generation)
        });
        join_all(queries.into_iter().chain([worker]));
        assert_is_complete(&world.seen().1);
    });
}

#[test]
fn nothing_comes_for_what_was_closed() {
    in_any_order(|| {
        let world = World::new();
        let worker = world.work(&EVENTS);
        let query = world.query(world.req().generation());
        let registered = world.connection.unsubscribe("a").unwrap();
        world.end(&registered);
        world.client_did("CLOSE");
        join_all([worker, query]);
        assert_eq!(world.seen(), ("CLOSE".to_owned(), Vec::new()));
    });
}

#[test]
fn whoever_waits_too_long_is_told_so_or_gets_everything() {
    in_any_order(|| {
        let world = World::new();
        let subscription = world.req();
        let query = world.query(subscription.generation());
        let is_given_up = subscription.give_up(Instant::now() + Duration::from_secs(60));
        query.join().unwrap();
        let has_ended = world.seen().1.iter().any(|[kind, _]| kind == "EOSE");
        assert_ne!(is_given_up, has_ended);
    });
}
