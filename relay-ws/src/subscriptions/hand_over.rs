//! The hand-over from stored to live against a model: REQs, CLOSEs, commits, publications and pages of results in any order
//! that the processes allow. Each event comes exactly once, each EOSE too, and nothing comes for what was closed or replaced.

use std::collections::{BTreeSet, HashMap, VecDeque};

use futures::FutureExt;
use protocol::{Filter, SearchRules, SubscriptionId, VerifiedEvent};
use pubsub::{ConnectionId, Copies, FoundPage, Listeners, PageHeader, PageWriter, ProcessId};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};
use testkit::event;

use super::*;
use crate::{copies::Copier, outbox::OutboxLimits};

const NAMES: [&str; 3] = ["a", "b", "c"];

/// A query that was enqueued: not run yet, or with pages on their way.
#[derive(Clone)]
struct Job {
    name: &'static str,
    generation: u64,
    filter: Filter,
    pages: Option<VecDeque<FoundPage>>,
}

/// What the client sees, in order.
#[derive(Debug)]
enum Seen {
    Req(&'static str),
    Close(&'static str),
    Event(String, String),
    Eose(String),
}

struct World {
    rng: StdRng,
    line: Arc<Line>,
    index: LiveIndex,
    committed: Vec<VerifiedEvent>,
    /// Places of what is committed and not published; workers publish side by side.
    unpublished: Vec<usize>,
    open: HashMap<&'static str, (Arc<Subscription>, Hung)>,
    jobs: Vec<Job>,
    seen: Vec<Seen>,
    generation: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let copier = Arc::new(Copier::new(Listeners::new(Copies::Never)).0);
        let limits = OutboxLimits {
            bytes: 1 << 24,
            messages: 1 << 16,
        };
        let id = ConnectionId::random(ProcessId::random());
        Self {
            rng: StdRng::seed_from_u64(seed),
            line: Arc::new(Line::new(id, limits, None, copier)),
            index: LiveIndex::new(SearchRules::default()),
            committed: Vec::new(),
            unpublished: Vec::new(),
            open: HashMap::new(),
            jobs: Vec::new(),
            seen: Vec::new(),
            generation: 0,
        }
    }

    fn step(&mut self) {
        let name = *NAMES.choose(&mut self.rng).unwrap();
        match self.rng.random_range(0..12) {
            0..=2 => self.commit(),
            3..=4 => self.publish(),
            5 => self.req(name),
            6 if self.rng.random_bool(0.3) => self.close(name),
            7..=8 => self.run_job(),
            _ => self.deliver_page(),
        }
        self.look();
    }

    fn commit(&mut self) {
        let number = self.committed.len() as u64;
        let kind = self.rng.random_range(1..4);
        self.unpublished.push(self.committed.len());
        self.committed.push(event(kind).at(1 + number).verified());
    }

    fn publish(&mut self) {
        if self.unpublished.is_empty() {
            return;
        }
        let place = self.rng.random_range(0..self.unpublished.len());
        let event = &self.committed[self.unpublished.swap_remove(place)];
        let json = Bytes::copy_from_slice(event.json().as_bytes());
        for subscription in self.index.matching(event, None) {
            subscription
                .live(event.id(), &json, &mut LastFrame::default())
                .unwrap();
        }
    }

    fn req(&mut self, name: &'static str) {
        self.end(name);
        self.generation += 1;
        let kinds: Vec<u16> = (1..4).filter(|_| self.rng.random_bool(0.6)).collect();
        let filter: Filter = serde_json::from_value(json!({"kinds": kinds, "limit": 500})).unwrap();
        // Two filters that may both match: still once.
        let filters = vec![filter.clone(), filter.clone()];
        let id = SubscriptionId::new(name).unwrap();
        let line = Arc::clone(&self.line);
        let subscription = Subscription::replaying(id, self.generation, filters, line, Instant::now());
        let subscription = Arc::new(subscription);
        let hung = self.index.insert(&subscription);
        self.open.insert(name, (subscription, hung));
        self.jobs.push(Job {
            name,
            generation: self.generation,
            filter,
            pages: None,
        });
        self.seen.push(Seen::Req(name));
    }

    fn close(&mut self, name: &'static str) {
        self.end(name);
        self.seen.push(Seen::Close(name));
    }

    fn end(&mut self, name: &str) {
        if let Some((subscription, hung)) = self.open.remove(name) {
            subscription.end();
            self.index.remove(&hung);
        }
    }

    /// Takes its snapshot. A job may run twice.
    fn run_job(&mut self) {
        let waiting: Vec<usize> = (0..self.jobs.len())
            .filter(|at| self.jobs[*at].pages.is_none())
            .collect();
        let Some(at) = waiting.choose(&mut self.rng) else {
            return;
        };
        let runs = if self.rng.random_bool(0.2) { 2 } else { 1 };
        for _ in 0..runs {
            let job = Job {
                pages: Some(self.pages(&self.jobs[*at])),
                ..self.jobs[*at].clone()
            };
            self.jobs.push(job);
        }
        self.jobs.swap_remove(*at);
    }

    fn pages(&self, job: &Job) -> VecDeque<FoundPage> {
        let found: Vec<_> = self
            .committed
            .iter()
            .rev()
            .filter(|event| job.filter.matches(event))
            .collect();
        let mut chunks: Vec<_> = found.chunks(3).collect();
        if chunks.is_empty() {
            chunks.push(&[]);
        }
        let last = chunks.len() - 1;
        let page = |(at, events): (usize, &&[&VerifiedEvent])| {
            let mut page = PageWriter::stored(PageHeader {
                generation: job.generation,
                end: at == last,
                hint: None,
            });
            events.iter().for_each(|event| page.push(event.json()));
            FoundPage::parse(page.finish()).unwrap()
        };
        chunks.iter().enumerate().map(page).collect()
    }

    /// Pages of one job come in their order.
    fn deliver_page(&mut self) {
        let ready: Vec<usize> = (0..self.jobs.len())
            .filter(|at| self.jobs[*at].pages.is_some())
            .collect();
        let Some(at) = ready.choose(&mut self.rng) else {
            return;
        };
        let job = &mut self.jobs[*at];
        match job.pages.as_mut().and_then(VecDeque::pop_front) {
            None => {
                self.jobs.swap_remove(*at);
            }
            Some(page) => {
                if let Some((subscription, _)) = self.open.get(job.name) {
                    subscription.stored(&page, Instant::now());
                }
            }
        }
    }

    fn look(&mut self) {
        let Some(waiting) = self.line.outbox().next().now_or_never() else {
            return;
        };
        for message in waiting.messages {
            let message: Value = serde_json::from_slice(&message).unwrap();
            let text = |at: usize| message[at].as_str().unwrap().to_owned();
            self.seen.push(match message[0].as_str().unwrap() {
                "EVENT" => Seen::Event(text(1), message[2]["id"].as_str().unwrap().to_owned()),
                "EOSE" => Seen::Eose(text(1)),
                other => panic!("{other}"),
            });
        }
    }

    fn finish(&mut self) {
        while !self.unpublished.is_empty() || !self.jobs.is_empty() {
            self.publish();
            self.run_job();
            self.deliver_page();
            self.look();
        }
    }

    fn check(&self, name: &str, hint: &str) {
        let (mut events, mut eoses, mut is_open) = (BTreeSet::new(), 0, false);
        for seen in &self.seen {
            match seen {
                Seen::Req(of) if *of == name => (events, eoses, is_open) = (BTreeSet::new(), 0, true),
                Seen::Close(of) if *of == name => is_open = false,
                Seen::Event(of, id) if of == name => {
                    assert!(is_open, "an event of what was closed, {hint}");
                    assert!(events.insert(id.clone()), "twice, {hint}");
                }
                Seen::Eose(of) if of == name => {
                    assert!(is_open, "the end of what was closed, {hint}");
                    eoses += 1;
                    assert_eq!(eoses, 1, "{hint}");
                }
                _ => {}
            }
        }
        if let Some((subscription, _)) = self.open.get(name) {
            let wanted = |event: &&VerifiedEvent| subscription.filters[0].matches(event);
            let wanted = self
                .committed
                .iter()
                .filter(wanted)
                .map(|event| event.id().to_string());
            assert_eq!(events, wanted.collect(), "{hint}");
            assert_eq!(eoses, 1, "{hint}");
        }
    }
}

#[test]
fn each_event_comes_exactly_once_in_whatever_order_things_happen() {
    for _ in 0..100 {
        let seed = rand::rng().random();
        let mut world = World::new(seed);
        for _ in 0..200 {
            world.step();
        }
        world.finish();
        for name in NAMES {
            world.check(name, &format!("{name}, seed {seed}"));
        }
    }
}
