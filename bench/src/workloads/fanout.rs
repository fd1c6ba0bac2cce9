//! Few events, thousands of subscribers that all want them.

use std::{
    cell::{Cell, RefCell},
    time::Instant,
};

use futures::{StreamExt, TryStreamExt, stream};

use super::{
    Bench, OPENING,
    deliveries::{Deliveries, deliver, subscribe},
};
use crate::{
    calls::{Call, closed_loop},
    report::Row,
    tally::Tally,
};

/// Publishes `count` events at once to so many connections with a matching subscription each.
pub async fn fanout(bench: &Bench, connections: usize, count: usize) -> anyhow::Result<Row> {
    let (author, notes) = bench.fresh_notes(count)?;
    let filter = format!(r#"{{"authors":["{author}"],"kinds":[1]}}"#);
    let mut sockets = bench.connect(connections).await?;
    stream::iter(sockets.iter_mut().map(|socket| subscribe(socket, &filter)))
        .buffer_unordered(OPENING)
        .try_collect::<()>()
        .await?;
    let mut publisher = bench.connect(1).await?;

    let deliveries = RefCell::new(Deliveries::new(&notes, connections)?);
    let oks = RefCell::new(Tally::new()?);
    let nth = Cell::new(0);
    let running = bench.meter.start()?;
    let publish = closed_loop(&mut publisher, count, &oks, || {
        let note = notes.get(nth.replace(nth.get() + 1))?;
        deliveries.borrow_mut().sent(note, Instant::now());
        Some(Call::Event(note.as_bytes()))
    });
    let usage = deliver(&mut sockets, &deliveries, bench.patience, running, publish).await?;
    let name = format!("fan-out, {count} to {connections}");
    Ok(row(name, deliveries.into_inner(), &oks.into_inner(), usage))
}

/// Deliveries with what is wrong about them.
pub fn row(name: String, deliveries: Deliveries, oks: &Tally, usage: crate::meter::Usage) -> Row {
    let mut deliveries = note_losses(deliveries);
    for (what, times) in &oks.faults {
        *deliveries
            .tally
            .faults
            .entry(format!("publisher: {what}"))
            .or_default() += times;
    }
    Row::new(name, "deliveries", &deliveries.tally, usage)
        .fact("OK p50 ms", oks.latency.value_at_quantile(0.5) as f64 / 1e3)
        .fact("OK p99 ms", oks.latency.value_at_quantile(0.99) as f64 / 1e3)
}

/// What is wrong, among the faults.
pub fn note_losses(mut deliveries: Deliveries) -> Deliveries {
    let missing = deliveries.missing() as u64;
    for (what, times) in [
        ("lost", missing),
        ("twice", deliveries.twice),
        ("unknown", deliveries.unknown),
    ] {
        if times > 0 {
            *deliveries
                .tally
                .faults
                .entry(format!("deliveries {what}"))
                .or_default() += times;
        }
    }
    deliveries
}
