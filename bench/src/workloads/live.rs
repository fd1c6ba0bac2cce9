//! How soon a published event reaches those who wait for it.

use std::{cell::Cell, cell::RefCell, time::Duration};

use super::{
    Bench,
    deliveries::{Deliveries, deliver, subscribe},
    fanout::row,
};
use crate::{
    calls::{Call, open_loop},
    report::Row,
    tally::Tally,
};

/// Publishes `rate` events a second to a few subscribers, and times each delivery from when its event was to be sent.
pub async fn live(bench: &Bench, subscribers: usize, rate: f64, duration: Duration) -> anyhow::Result<Row> {
    let count = (rate * duration.as_secs_f64()).ceil() as usize;
    let (author, notes) = bench.fresh_notes(count)?;
    let filter = format!(r#"{{"authors":["{author}"],"kinds":[1]}}"#);
    let mut sockets = bench.connect(subscribers).await?;
    for socket in &mut sockets {
        subscribe(socket, &filter).await?;
    }
    let mut publisher = bench.connect(1).await?;

    let deliveries = RefCell::new(Deliveries::new(&notes, subscribers)?);
    let oks = RefCell::new(Tally::new()?);
    let nth = Cell::new(0);
    let running = bench.meter.start()?;
    let publish = open_loop(&mut publisher, rate, count as u32, &oks, |at| {
        let note = notes.get(nth.replace(nth.get() + 1))?;
        deliveries.borrow_mut().sent(note, at);
        Some(Call::Event(note.as_bytes()))
    });
    let patience = duration + bench.patience;
    let usage = deliver(&mut sockets, &deliveries, patience, running, publish).await?;
    let name = format!("live, {rate}/s to {subscribers}");
    Ok(row(name, deliveries.into_inner(), &oks.into_inner(), usage))
}
