//! What the schema is decided by: loads a corpus through [`Store::save`] and asks it every shape of filter.
//!
//! ```text
//! DATABASE_URL=postgres://… cargo bench -p switchyard-store --bench filters -- load 1000000
//! DATABASE_URL=postgres://… cargo bench -p switchyard-store --bench filters -- run 1000000 [repetitions] [part of a name]
//! DATABASE_URL=postgres://… cargo bench -p switchyard-store --bench filters -- ask 1000000 [repetitions] [part of a name]
//! DATABASE_URL=postgres://… cargo bench -p switchyard-store --bench filters -- count 1000000 [repetitions] [part of a name]
//! DATABASE_URL=postgres://… cargo bench -p switchyard-store --bench filters -- hunt 1000000 [filters] [part of a name]
//! ```
//!
//! `run` is Postgres alone; `ask` is what clients meet: the newest events are in memory, as every worker has them. `hunt`
//! asks so many filters of conditions thrown together, each once more when it has been asked, and tells the slowest.
//!
//! The number tells which corpus is there: `load` adds what follows the events that the database has. To see plans, let
//! Postgres write them to its log: append `?options[session_preload_libraries]=auto_explain&options[auto_explain.log_min_duration]=20&options[auto_explain.log_analyze]=on`
//! to the URL.
#![allow(clippy::print_stdout, reason = "a measurement is read from the terminal")]
#![allow(clippy::unwrap_used, reason = "a measurement that fails should stop")]

mod corpus;
mod mixed;
mod shapes;

use std::time::{Duration, Instant};

use protocol::{Filter, Reader, VerifiedEvent};
use rand::{SeedableRng, rngs::StdRng};
use store::{SaveOutcome, Store};
use tokio::sync::mpsc;

use corpus::Corpus;

/// Events in one transaction: the most that a worker gathers.
const BATCH: usize = 256;

/// Bytes of the newest events in memory: what a worker has by default.
const WINDOW: usize = 128 * 1024 * 1024;

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let [command, events, rest @ ..] = words.as_slice() else {
        println!("load <events> [from] | run, ask, count or hunt <events> [repetitions] [name]");
        return;
    };
    let url = std::env::var("DATABASE_URL").expect("DATABASE_URL names the database to fill");
    let store = Store::connect(&url, 4, Duration::from_secs(60)).await.unwrap();
    let corpus = Corpus::new(events.parse().unwrap());
    let number = rest.first().and_then(|word| word.parse().ok());
    let name = rest.get(1).map_or("", String::as_str);
    match command.as_str() {
        "load" => load(&store, corpus, number.unwrap_or(0)).await,
        "run" => measure(&store, corpus, number.unwrap_or(100), name, Verb::Query).await,
        "ask" => {
            let store = in_memory(store, &corpus).await;
            measure(&store, corpus, number.unwrap_or(100), name, Verb::Query).await;
        }
        "count" => measure(&store, corpus, number.unwrap_or(5), name, Verb::Count).await,
        "hunt" => {
            let store = in_memory(store, &corpus).await;
            hunt(&store, corpus, number.unwrap_or(1000), name).await;
        }
        _ => println!("load, run, ask, count or hunt"),
    }
}

async fn load(store: &Store, corpus: Corpus, from: u64) {
    store.migrate().await.unwrap();
    let (sender, mut batches) = mpsc::channel::<Vec<VerifiedEvent>>(8);
    std::thread::spawn(move || {
        for start in (from..corpus.events).step_by(BATCH) {
            let end = (start + BATCH as u64).min(corpus.events);
            let batch = (start..end).map(|number| corpus.event(number)).collect();
            sender.blocking_send(batch).unwrap();
        }
    });
    let (mut stored, mut bytes, mut times) = (0_usize, 0_usize, Vec::new());
    let mut report = Instant::now();
    while let Some(batch) = batches.recv().await {
        let events: Vec<&VerifiedEvent> = batch.iter().collect();
        let start = Instant::now();
        let outcomes = store.save(&events).await.unwrap().outcomes;
        times.push(start.elapsed());
        stored += outcomes
            .iter()
            .filter(|outcome| **outcome == SaveOutcome::Stored)
            .count();
        bytes += events.iter().map(|event| event.json().len()).sum::<usize>();
        if report.elapsed() > Duration::from_secs(10) {
            println!(
                "{} batches, last 100 took {:?} each",
                times.len(),
                times.iter().rev().take(100).sum::<Duration>() / 100
            );
            report = Instant::now();
        }
    }
    let total: Duration = times.iter().sum();
    let events = corpus.events - from;
    println!(
        "{events} events of {} B on average, {stored} stored; save alone took {total:.1?}: {:.0} events/s, {:.1} µs an event",
        bytes as u64 / events,
        events as f64 / total.as_secs_f64(),
        total.as_micros() as f64 / events as f64
    );
    times.sort_unstable();
    println!(
        "a batch of {BATCH}: p50 {:?}, p99 {:?}",
        at(&times, 50),
        at(&times, 99)
    );
}

/// With the newest events in memory: it is loaded when somebody asks.
async fn in_memory(store: Store, corpus: &Corpus) -> Store {
    let store = store.with_window(WINDOW);
    while store.window_stats().events == 0 {
        let newest = Filter {
            limit: Some(1),
            ..Filter::default()
        };
        let now = Corpus::created_at(corpus.events);
        store.query(&[newest], &Reader::OPERATOR, now).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("{:?}", store.window_stats());
    store
}

/// The slowest of many filters, asked again at once: with what they read in memory.
async fn hunt(store: &Store, corpus: Corpus, filters: u64, name: &str) {
    let now = Corpus::created_at(corpus.events);
    let mut all = Vec::new();
    for number in 0..filters {
        let (what, filter) = mixed::filter(&corpus, &mut StdRng::seed_from_u64(number));
        let what = format!("{number:5} {what}");
        if !what.contains(name) {
            continue;
        }
        let filters = [serde_json::from_value(filter).unwrap()];
        let ask = async || {
            let start = Instant::now();
            let found = store.query(&filters, &Reader::OPERATOR, now).await;
            (start.elapsed(), found.map(|found| found.events.len()).ok())
        };
        let (first, _) = ask().await;
        let (again, found) = ask().await;
        all.push((again, first, found, what));
    }
    all.sort();
    let times: Vec<Duration> = all.iter().map(|(again, ..)| *again).collect();
    println!(
        "{} filters: p50 {:.1?}, p99 {:.1?}",
        all.len(),
        at(&times, 50),
        at(&times, 99)
    );
    println!("{:>10} {:>10} {:>6}", "again", "at first", "found");
    for (again, first, found, what) in all.iter().rev().take(40) {
        let found = found.map_or("failed".to_owned(), |found| found.to_string());
        println!("{again:10.1?} {first:10.1?} {found:>6} {what}");
    }
}

#[derive(Clone, Copy)]
enum Verb {
    Query,
    Count,
}

async fn measure(store: &Store, corpus: Corpus, repetitions: u64, name: &str, verb: Verb) {
    let now = Corpus::created_at(corpus.events);
    println!(
        "{:50} {:>8} {:>8} {:>8} {:>9}",
        "filter", "p50 ms", "p99 ms", "max ms", "found"
    );
    for (shape, make) in shapes::SHAPES.iter().filter(|(shape, _)| shape.contains(name)) {
        let (mut times, mut found) = (Vec::new(), 0);
        for repetition in 0..repetitions {
            let filter = shapes::filter(*make, &corpus, &mut StdRng::seed_from_u64(repetition));
            let filters = [filter];
            let start = Instant::now();
            found += match verb {
                Verb::Query => store
                    .query(&filters, &Reader::OPERATOR, now)
                    .await
                    .unwrap()
                    .events
                    .len() as u64,
                Verb::Count => store.count(&filters, &Reader::OPERATOR, now).await.unwrap(),
            };
            times.push(start.elapsed());
        }
        times.sort_unstable();
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        println!(
            "{shape:50} {:8.2} {:8.2} {:8.2} {:9.1}",
            ms(at(&times, 50)),
            ms(at(&times, 99)),
            ms(times[times.len() - 1]),
            found as f64 / repetitions as f64
        );
    }
}

fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}
