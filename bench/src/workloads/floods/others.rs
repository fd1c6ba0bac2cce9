//! The well-behaved clients: they publish, ask, listen and come in at a steady rate, and nothing makes them slow down.

use std::{
    cell::{Cell, RefCell},
    time::{Duration, Instant},
};

use super::super::{
    Bench, Shape,
    deliveries::{Deliveries, deliver, subscribe},
    fanout::note_losses,
    requests::Questions,
};
use crate::{
    calls::{Call, open_loop},
    corpus::Index,
    meter::Usage,
    socket::Socket,
    tally::Tally,
};

/// EVENTs a second, and as many REQs: what a relay with some hundreds of users sees.
const RATE: f64 = 100.0;
/// Newcomers a second.
const NEWCOMERS: f64 = 10.0;
/// Connections that publish, and as many that ask. Each has an address of its own, as people have.
const CLIENTS: usize = 4;
/// What is asked for.
const SHAPES: [Shape; 3] = [Shape::Profile, Shape::Thread, Shape::Feed];

/// The clients, who have something to ask.
pub struct Others<'b> {
    bench: &'b Bench,
    questions: Vec<Questions>,
}

/// How they fared.
pub struct Fared {
    /// EVENT → OK.
    pub events: Tally,
    /// REQ → EOSE.
    pub requests: Tally,
    /// Publishing → delivery.
    pub live: Deliveries,
    /// Connecting → the handshake is done.
    pub newcomers: Tally,
    pub usage: Usage,
}

impl<'b> Others<'b> {
    /// Who asks about what is stored.
    pub fn new(bench: &'b Bench, index: &Index) -> Self {
        let questions = SHAPES.map(|shape| Questions::new(bench, shape, index));
        Self {
            bench,
            questions: questions.into(),
        }
    }

    /// Measures them for a while. They are connected before `begin` is called, with whatever that starts.
    pub async fn fare(
        &self,
        duration: Duration,
        begin: impl AsyncFnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<Fared> {
        let bench = self.bench;
        let count = (RATE * duration.as_secs_f64()).ceil() as u32;
        let (author, notes) = bench.fresh_notes(count as usize)?;
        let mut listener = vec![bench.neighbour(0).await?];
        subscribe(
            &mut listener[0],
            &format!(r#"{{"authors":["{author}"],"kinds":[1],"limit":0}}"#),
        )
        .await?;
        let (mut publishers, mut readers) = (Vec::new(), Vec::new());
        for nth in 0..CLIENTS {
            publishers.push(bench.neighbour(1 + nth).await?);
            readers.push(bench.neighbour(1 + CLIENTS + nth).await?);
        }
        begin().await?;

        let deliveries = RefCell::new(Deliveries::new(&notes, 1)?);
        let [events, requests, newcomers] = [Tally::new()?, Tally::new()?, Tally::new()?].map(RefCell::new);
        let (nth, asked) = (Cell::new(0), Cell::new(0));
        let running = bench.meter.start()?;
        let publish = open_loop(&mut publishers, RATE, count, &events, |at| {
            let note = notes.get(nth.replace(nth.get() + 1))?;
            deliveries.borrow_mut().sent(note, at);
            Some(Call::Event(note.as_bytes()))
        });
        let ask = open_loop(&mut readers, RATE, count, &requests, |_| {
            let number = asked.replace(asked.get() + 1);
            Some(self.questions[number % SHAPES.len()].numbered(number as u64))
        });
        let everybody =
            async { tokio::try_join!(publish, ask, self.come_in(duration, &newcomers)).map(drop) };
        let patience = duration + bench.patience;
        let usage = deliver(&mut listener, &deliveries, patience, running, everybody).await?;
        Ok(Fared {
            events: events.into_inner(),
            requests: requests.into_inner(),
            live: note_losses(deliveries.into_inner()),
            newcomers: newcomers.into_inner(),
            usage,
        })
    }

    async fn come_in(&self, duration: Duration, tally: &RefCell<Tally>) -> anyhow::Result<()> {
        let start = Instant::now();
        let count = (NEWCOMERS * duration.as_secs_f64()).ceil() as u32;
        let all = (0..count).map(|nth| async move {
            let due = start + Duration::from_secs_f64(f64::from(nth) / NEWCOMERS);
            tokio::time::sleep_until(due.into()).await;
            let connected = self.bench.neighbour(100 + nth as usize).await;
            match connected {
                Ok(_) => tally.borrow_mut().accept(due.elapsed()),
                Err(error) => tally.borrow_mut().fault(format!("a newcomer: {error:#}")),
            }
        });
        futures::future::join_all(all).await;
        Ok(())
    }
}

impl Bench {
    /// A client that has an address for itself.
    pub(super) async fn neighbour(&self, nth: usize) -> anyhow::Result<Socket> {
        let target = &self.targets[nth % self.targets.len()];
        Socket::connect(target, self.sources.own(target, nth)).await
    }
}
