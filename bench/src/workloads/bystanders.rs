//! What an event costs beside live subscriptions that it does not match: the same, however many there are.

use std::{cell::Cell, cell::RefCell, ops::Range};

use futures::{StreamExt, TryStreamExt, stream};

use super::{Bench, OPENING, bounded, deliveries::subscribe_all};
use crate::{
    calls::{Call, open_loop},
    corpus::Author,
    report::Row,
    tally::Tally,
};

/// What relays allow at least.
const PER_CONNECTION: usize = 100;

/// Sends events at a rate while so many subscriptions wait for others. Their filters are what clients ask for: feeds of
/// some authors, mentions, threads.
pub async fn bystanders(
    bench: &Bench,
    events: Range<usize>,
    subscriptions: usize,
    rate: f64,
) -> anyhow::Result<Row> {
    let events = bounded(&events, &bench.corpus)?;
    let mut sockets = bench.connect(subscriptions.div_ceil(PER_CONNECTION)).await?;
    stream::iter(sockets.iter_mut().enumerate())
        .map(|(nth, socket)| async move {
            let first = nth * PER_CONNECTION;
            let count = PER_CONNECTION.min(subscriptions - first);
            let filters: Vec<_> = (first..first + count)
                .map(|nth| filter(bench.seed, nth))
                .collect();
            subscribe_all(socket, &filters).await
        })
        .buffer_unordered(OPENING)
        .try_collect::<()>()
        .await?;
    let mut publishers = bench.connect(8).await?;

    let nth = Cell::new(events.start);
    let tally = RefCell::new(Tally::new()?);
    let running = bench.meter.start()?;
    open_loop(&mut publishers, rate, events.len() as u32, &tally, |_| {
        let this = nth.replace(nth.get() + 1);
        bench.corpus.get(this).map(Call::Event)
    })
    .await?;
    let usage = running.stop()?;
    let name = format!("{rate}/s beside {subscriptions} subscriptions");
    Ok(Row::new(name, "events", &tally.into_inner(), usage))
}

/// About somebody who writes nothing: the corpus has its authors below that number.
fn filter(seed: u64, nth: usize) -> String {
    let stranger = |nth| Author::new(seed, 1_000_000 + nth).pubkey();
    match nth % 3 {
        0 => format!(
            r#"{{"authors":["{}","{}"],"kinds":[1,6],"limit":0}}"#,
            stranger(nth % 1_000),
            stranger(nth % 1_000 + 1)
        ),
        1 => format!(r##"{{"#p":["{}"],"limit":0}}"##, stranger(nth % 1_000)),
        _ => format!(r##"{{"#e":["{nth:064x}"],"kinds":[1,7],"limit":0}}"##),
    }
}
