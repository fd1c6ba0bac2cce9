//! What is asked of a relay, one kind of work a file. Each prepares itself unmeasured and ends with a row of the report.

mod bystanders;
mod deliveries;
mod fanout;
mod floods;
mod idle;
mod ingest;
mod live;
mod requests;
mod suite;

#[cfg(test)]
mod dummy;
#[cfg(test)]
mod tests;

use std::{
    ops::Range,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Context;
use futures::{StreamExt, TryStreamExt, stream};

pub use bystanders::bystanders;
pub use fanout::fanout;
pub use floods::{Attacker, Flood, floods, obey};
pub use idle::idle;
pub use ingest::{duplicates, ingest, ingest_at_rate};
pub use live::live;
pub use requests::{Shape, requests, requests_at_rate};
pub use suite::{Suite, suite};

use crate::{
    corpus::{Author, Corpus},
    meter::Meter,
    socket::Socket,
    target::{Sources, Target},
};

/// Handshakes at a time when many connections are opened: a crowd, but not all at once.
const OPENING: usize = 64;

/// The relay under test and what it is tested with.
pub struct Bench {
    /// Its addresses: one for each process that takes connections.
    pub targets: Vec<Target>,
    pub sources: Sources,
    pub meter: Meter,
    pub corpus: Corpus,
    pub seed: u64,
    /// Who floods it.
    pub attacker: Attacker,
    /// Longest wait for deliveries that do not come.
    pub patience: Duration,
}

impl Bench {
    /// Opens so many connections.
    pub async fn connect(&self, count: usize) -> anyhow::Result<Vec<Socket>> {
        stream::iter(0..count)
            .map(|nth| self.connect_nth(nth))
            .buffered(OPENING)
            .try_collect()
            .await
    }

    /// Opens the nth of many connections.
    async fn connect_nth(&self, nth: usize) -> anyhow::Result<Socket> {
        let target = &self.targets[nth % self.targets.len()];
        Socket::connect(target, self.sources.get(target, nth)).await
    }

    /// Notes of somebody whom nobody knows yet, of about a kilobyte each: none of them is stored when they are asked for.
    fn fresh_notes(&self, count: usize) -> anyhow::Result<(String, Vec<String>)> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .context("the clock is before 1970")?;
        let stranger = Author::new(self.seed, now.as_nanos() as usize);
        let filler = "A note that everybody waits for. ".repeat(20);
        let notes = (0..count)
            .map(|nth| {
                stranger
                    .sign(now.as_secs(), 1, &[], &format!("{nth} {filler}"))
                    .json
            })
            .collect();
        Ok((stranger.pubkey(), notes))
    }
}

/// Part of the corpus.
fn bounded(range: &Range<usize>, corpus: &Corpus) -> anyhow::Result<Range<usize>> {
    anyhow::ensure!(range.start < range.end, "no events are asked for");
    anyhow::ensure!(
        range.end <= corpus.len(),
        "events {range:?} are asked for, and the corpus has {}",
        corpus.len()
    );
    Ok(range.clone())
}
