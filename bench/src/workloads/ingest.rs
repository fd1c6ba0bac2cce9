//! EVENT → OK.

use std::{
    cell::{Cell, RefCell},
    ops::Range,
};

use super::{Bench, bounded};
use crate::{
    calls::{Call, closed_loop, open_loop},
    report::Row,
    tally::Tally,
};

/// Sends events of the corpus over some connections with some in flight on each. With one of each, it is a lonely client
/// that waits for every OK.
pub async fn ingest(
    bench: &Bench,
    events: Range<usize>,
    connections: usize,
    window: usize,
) -> anyhow::Result<Row> {
    let events = bounded(&events, &bench.corpus)?;
    let name = match (connections, window) {
        (1, 1) => "ingest, one client".to_owned(),
        _ => format!("ingest, {connections} × {window} in flight"),
    };
    let nth = Cell::new(events.start);
    publish(bench, name, connections, window, || {
        let this = nth.replace(nth.get() + 1);
        (this < events.end)
            .then(|| bench.corpus.get(this).map(Call::Event))
            .flatten()
    })
    .await
}

/// The same few events again and again, from every connection. They must be stored already.
pub async fn duplicates(
    bench: &Bench,
    events: Range<usize>,
    count: usize,
    connections: usize,
    window: usize,
) -> anyhow::Result<Row> {
    let events = bounded(&events, &bench.corpus)?;
    // An OK names its event only, so a connection has it in flight once: with too few it would wait for itself.
    anyhow::ensure!(
        events.len() > connections * window,
        "too few events for so many in flight"
    );
    let sent = Cell::new(0);
    publish(
        bench,
        format!("duplicates, {connections} × {window} in flight"),
        connections,
        window,
        || {
            let this = sent.replace(sent.get() + 1);
            let event = bench.corpus.get(events.start + this % events.len());
            (this < count).then(|| event.map(Call::Event)).flatten()
        },
    )
    .await
}

async fn publish<'c>(
    bench: &Bench,
    name: String,
    connections: usize,
    window: usize,
    next: impl Fn() -> Option<Call<'c>>,
) -> anyhow::Result<Row> {
    let mut sockets = bench.connect(connections).await?;
    let running = bench.meter.start()?;
    let tally = RefCell::new(Tally::new()?);
    closed_loop(&mut sockets, window, &tally, next).await?;
    let usage = running.stop()?;
    Ok(Row::new(name, "events", &tally.into_inner(), usage))
}

/// Sends events at a rate, whether they are answered or not.
pub async fn ingest_at_rate(
    bench: &Bench,
    events: Range<usize>,
    connections: usize,
    rate: f64,
) -> anyhow::Result<Row> {
    let events = bounded(&events, &bench.corpus)?;
    let mut sockets = bench.connect(connections).await?;
    let nth = Cell::new(events.start);
    let running = bench.meter.start()?;
    let tally = RefCell::new(Tally::new()?);
    open_loop(&mut sockets, rate, events.len() as u32, &tally, |_| {
        let this = nth.replace(nth.get() + 1);
        bench.corpus.get(this).map(Call::Event)
    })
    .await?;
    let usage = running.stop()?;
    Ok(Row::new(
        format!("ingest at {rate}/s"),
        "events",
        &tally.into_inner(),
        usage,
    ))
}
