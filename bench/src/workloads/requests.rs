//! REQ → stored events → EOSE.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    fmt,
    time::{Duration, Instant},
};

use clap::ValueEnum;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;

use super::Bench;
use crate::{
    calls::{Call, closed_loop, open_loop},
    corpus::{Index, Zipf},
    report::Row,
    tally::Tally,
};

/// What clients ask when they open a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// Notes and reposts of 100 authors, limit 50.
    Feed,
    /// Replies, reposts, reactions and zaps for one person, limit 50: as clients ask.
    Notifications,
    /// Whatever addresses one person, limit 50: follow lists of tens of kilobytes too.
    Addressed,
    /// The newest 200 notes of all.
    Global,
    /// Metadata, follows and relays of one person.
    Profile,
    /// Twenty events by their ids.
    Ids,
    /// What refers to one event.
    Thread,
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Feed,
        Self::Notifications,
        Self::Addressed,
        Self::Global,
        Self::Profile,
        Self::Ids,
        Self::Thread,
    ];
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Feed => "feed",
            Self::Notifications => "notifications",
            Self::Addressed => "addressed",
            Self::Global => "global",
            Self::Profile => "profile",
            Self::Ids => "ids",
            Self::Thread => "thread",
        })
    }
}

/// Different questions of one shape: enough that no answer is the last one's.
const QUESTIONS: usize = 2_000;
/// Plans, caches and connections are warm before it counts.
const WARM_UP: Duration = Duration::from_secs(1);

/// The questions, the popular ones more often.
pub(super) struct Questions {
    filters: Vec<String>,
    order: Vec<usize>,
    asked: Cell<u64>,
}

impl Questions {
    pub fn new(bench: &Bench, shape: Shape, index: &Index) -> Self {
        let mut random = StdRng::seed_from_u64(bench.seed);
        let filters: Vec<String> = (0..QUESTIONS)
            .map(|_| filter(shape, index, &mut random))
            .collect();
        let order = (0..64 * 1024)
            .map(|_| random.random_range(0..filters.len()))
            .collect();
        Self {
            filters,
            order,
            asked: Cell::new(0),
        }
    }

    fn next(&self) -> Call<'_> {
        self.numbered(self.asked.replace(self.asked.get() + 1))
    }

    /// The one of this number.
    pub fn numbered(&self, number: u64) -> Call<'_> {
        let question = self.order[number as usize % self.order.len()];
        Call::Request(number, &self.filters[question])
    }
}

fn filter(shape: Shape, index: &Index, random: &mut StdRng) -> String {
    // Half of the people in question are the known ones, the other half anybody.
    let mut one_of = |values: &[String]| {
        let at = if random.random() {
            Zipf::new(values.len()).draw(random)
        } else {
            random.random_range(0..values.len())
        };
        values[at].clone()
    };
    match shape {
        Shape::Feed => {
            let mut authors = BTreeSet::new();
            while authors.len() < index.authors.len().min(100) {
                authors.insert(one_of(&index.authors));
            }
            json!({"authors": authors, "kinds": [1, 6], "limit": 50})
        }
        Shape::Notifications => {
            json!({"#p": [one_of(&index.addressed)], "kinds": [1, 6, 7, 9_735], "limit": 50})
        }
        Shape::Addressed => json!({"#p": [one_of(&index.addressed)], "limit": 50}),
        Shape::Global => json!({"kinds": [1], "limit": 200}),
        Shape::Profile => json!({"authors": [one_of(&index.authors)], "kinds": [0, 3, 10_002]}),
        Shape::Ids => {
            let ids: BTreeSet<String> = (0..20).map(|_| one_of(&index.ids)).collect();
            json!({"ids": ids})
        }
        Shape::Thread => json!({"#e": [one_of(&index.threads)], "limit": 200}),
    }
    .to_string()
}

/// Every connection asks, waits for the EOSE, closes and asks again. `stored` events of the corpus are there already.
pub async fn requests(
    bench: &Bench,
    shape: Shape,
    stored: usize,
    connections: usize,
    duration: Duration,
) -> anyhow::Result<Row> {
    let questions = Questions::new(bench, shape, &Index::of(&bench.corpus, stored)?);
    let mut sockets = bench.connect(connections).await?;
    let until = |end: Instant| {
        let questions = &questions;
        move || (Instant::now() < end).then(|| questions.next())
    };
    let unmeasured = RefCell::new(Tally::new()?);
    closed_loop(&mut sockets, 1, &unmeasured, until(Instant::now() + WARM_UP)).await?;

    let running = bench.meter.start()?;
    let tally = RefCell::new(Tally::new()?);
    closed_loop(&mut sockets, 1, &tally, until(running.start() + duration)).await?;
    let usage = running.stop()?;
    Ok(with_sizes(
        format!("req {shape}, {connections} in flight"),
        &tally.into_inner(),
        usage,
    ))
}

/// Asks at a rate, whether there are answers or not.
pub async fn requests_at_rate(
    bench: &Bench,
    shape: Shape,
    stored: usize,
    connections: usize,
    rate: f64,
    duration: Duration,
) -> anyhow::Result<Row> {
    let questions = Questions::new(bench, shape, &Index::of(&bench.corpus, stored)?);
    let mut sockets = bench.connect(connections).await?;
    let calls = |duration: Duration| (rate * duration.as_secs_f64()).ceil() as u32;
    let unmeasured = RefCell::new(Tally::new()?);
    open_loop(&mut sockets, rate, calls(WARM_UP), &unmeasured, |_| {
        Some(questions.next())
    })
    .await?;

    let running = bench.meter.start()?;
    let tally = RefCell::new(Tally::new()?);
    open_loop(&mut sockets, rate, calls(duration), &tally, |_| {
        Some(questions.next())
    })
    .await?;
    let usage = running.stop()?;
    Ok(with_sizes(
        format!("req {shape} at {rate}/s"),
        &tally.into_inner(),
        usage,
    ))
}

fn with_sizes(name: String, tally: &Tally, usage: crate::meter::Usage) -> Row {
    let answers = tally.accepted.max(1) as f64;
    let wall_s = usage.wall_s;
    Row::new(name, "requests", tally, usage)
        .fact("events per answer", tally.events as f64 / answers)
        .fact("kB per answer", tally.bytes as f64 / answers / 1e3)
        .fact("events/s", tally.events as f64 / wall_s)
}
