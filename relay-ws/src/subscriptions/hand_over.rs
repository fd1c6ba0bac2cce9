//! The hand-over from stored to live against a model: REQs, CLOSEs, commits, publications and pages of results in any order
//! that the processes allow. Publications come twice, or are lost and made up for by a catch-up that repeats others; pages are lost
//! and their questions asked again. Each event that was wanted comes exactly once, each EOSE too, and nothing comes for what was
//! closed or replaced.

use std::collections::{BTreeSet, HashMap, VecDeque};

use futures::FutureExt;
use protocol::{Filter, SearchRules, SubscriptionId, VerifiedEvent};
use pubsub::{FoundPage, PageHeader, PageWriter};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};
use testkit::event;

use super::*;
use crate::{outbox::OutboxLimits, recent::RecentIds};

const NAMES: [&str; 3] = ["a", "b", "c"];

/// A limit above all that is stored.
const ALL: u32 = 500;

/// A query that was enqueued: not run yet, or with pages on their way.
#[derive(Clone)]
struct Job {
    name: &'static str,
    generation: u64,
    filter: Filter,
    pages: Option<VecDeque<FoundPage>>,
}

/// A subscription, and the ids that it has to send: of stored events that came in time, and of live ones that it wants.
struct Open {
    subscription: Arc<Subscription>,
    hung: Hung,
    due: BTreeSet<String>,
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
    /// Places of what was published and not heard; the catch-up that is to come begins at the first of them.
    lost: Vec<usize>,
    /// What has been heard, as `hear.rs` keeps it.
    known: RecentIds,
    open: HashMap<&'static str, Open>,
    jobs: Vec<Job>,
    seen: Vec<Seen>,
    generation: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let limits = OutboxLimits {
            bytes: 1 << 24,
            messages: 1 << 16,
        };
        Self {
            rng: StdRng::seed_from_u64(seed),
            line: Line::unheard(limits),
            index: LiveIndex::new(SearchRules::default()),
            committed: Vec::new(),
            unpublished: Vec::new(),
            lost: Vec::new(),
            known: RecentIds::default(),
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
            6 if self.rng.random_bool(0.3) => self.catch_up(),
            5 => self.req(name),
            6 if self.rng.random_bool(0.3) => self.close(name),
            6 if self.rng.random_bool(0.1) => self.lose_pages(),
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

    /// One of five is published twice, as by a job that runs twice; one of ten is not heard.
    fn publish(&mut self) {
        if self.unpublished.is_empty() {
            return;
        }
        let place = self.rng.random_range(0..self.unpublished.len());
        let place = if self.rng.random_bool(0.2) {
            self.unpublished[place]
        } else {
            self.unpublished.swap_remove(place)
        };
        if self.rng.random_bool(0.1) {
            self.lost.push(place);
        } else {
            self.hear(place);
        }
    }

    /// Everything since the first that was lost, and a little before it, once more.
    fn catch_up(&mut self) {
        let Some(first) = self.lost.drain(..).min() else {
            return;
        };
        let overlap = self.rng.random_range(0..3);
        for place in first.saturating_sub(overlap)..self.committed.len() {
            self.hear(place);
        }
    }

    fn hear(&mut self, place: usize) {
        let event = &self.committed[place];
        if !self.known.insert(event.id()) {
            return;
        }
        let json = Bytes::copy_from_slice(event.json().as_bytes());
        for subscription in self.index.matching(event, None) {
            subscription
                .live(event.id(), &json, &mut LastFrame::default())
                .unwrap();
        }
        for open in self.open.values_mut() {
            if open.subscription.filters[0].matches(event) {
                open.due.insert(event.id().to_string());
            }
        }
    }

    fn req(&mut self, name: &'static str) {
        self.end(name);
        self.generation += 1;
        let kinds: Vec<u16> = (1..4).filter(|_| self.rng.random_bool(0.6)).collect();
        let limit = *[1, 4, ALL].choose(&mut self.rng).unwrap();
        let filter: Filter = serde_json::from_value(json!({"kinds": kinds, "limit": limit})).unwrap();
        // Two filters that may both match: still once.
        let filters = vec![filter.clone(), filter.clone()];
        let id = SubscriptionId::new(name).unwrap();
        let line = Arc::clone(&self.line);
        let subscription = Subscription::replaying(id, self.generation, filters, line, Instant::now());
        let subscription = Arc::new(subscription);
        let hung = self.index.insert(&subscription);
        let due = BTreeSet::new();
        self.open.insert(
            name,
            Open {
                subscription,
                hung,
                due,
            },
        );
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
        if let Some(open) = self.open.remove(name) {
            open.subscription.end();
            self.index.remove(&open.hung);
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
            .take(job.filter.limit.unwrap() as usize)
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
                let Some(open) = self.open.get_mut(job.name) else {
                    return;
                };
                let subscription = &open.subscription;
                if subscription.is_replaying() && job.generation == subscription.generation() {
                    open.due.extend(page.events().map(|(id, _)| id.to_string()));
                }
                subscription.stored(&page, Instant::now());
            }
        }
    }

    /// Pages on their way are lost, some of each answer; then whatever is not answered is asked again.
    fn lose_pages(&mut self) {
        for job in &mut self.jobs {
            for _ in 0..self.rng.random_range(0..3) {
                job.pages.as_mut().and_then(VecDeque::pop_front);
            }
        }
        for (name, open) in &self.open {
            self.generation += 1;
            let subscription = &open.subscription;
            if subscription.ask_anew(self.generation) {
                self.jobs.push(Job {
                    name,
                    generation: self.generation,
                    filter: subscription.filters[0].clone(),
                    pages: None,
                });
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
        while !self.unpublished.is_empty() || !self.lost.is_empty() || !self.jobs.is_empty() {
            self.publish();
            self.catch_up();
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
        let Some(open) = self.open.get(name) else { return };
        assert_eq!(events, open.due, "{hint}");
        assert_eq!(eoses, 1, "{hint}");
        let filter = &open.subscription.filters[0];
        if filter.limit == Some(ALL) {
            let wanted = self.committed.iter().filter(|event| filter.matches(event));
            let wanted = wanted.map(|event| event.id().to_string());
            assert_eq!(events, wanted.collect(), "{hint}");
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
