//! How quickly the others were answered.

use std::collections::BTreeMap;

use super::others::Fared;
use crate::{report::Row, tally::Tally};

/// Milliseconds by kind of answer: median and 99th percentile.
pub struct Times(BTreeMap<&'static str, (f64, f64)>);

impl Times {
    /// Of one measurement, or of several together.
    pub fn of<'f>(all: impl IntoIterator<Item = &'f Fared> + Clone) -> anyhow::Result<Self> {
        let mut times = BTreeMap::new();
        for (nth, what) in Fared::KINDS.into_iter().enumerate() {
            let mut together = Tally::new()?;
            for fared in all.clone() {
                together.latency.add(&fared.tallies()[nth].latency)?;
            }
            let at = |quantile| together.latency.value_at_quantile(quantile) as f64 / 1e3;
            times.insert(what, (at(0.5), at(0.99)));
        }
        Ok(Self(times))
    }

    /// Writes them into a row.
    pub fn tell(&self, row: Row) -> Row {
        self.0.iter().fold(row, |row, (what, (p50, p99))| {
            row.fact(&format!("{what} p50 ms"), *p50)
                .fact(&format!("{what} p99 ms"), *p99)
        })
    }

    /// Writes how they compare with what is usual.
    pub fn compare(&self, row: Row, usual: &Self) -> Row {
        self.0.iter().fold(row, |row, (what, (_, p99))| {
            let usual = usual.0.get(what).map_or(0.0, |(_, p99)| *p99);
            row.fact(&format!("{what} p99 alone ms"), usual)
                .fact(&format!("{what} p99 × normal"), p99 / usual.max(0.001))
        })
    }
}

impl Fared {
    /// Kinds of answers.
    const KINDS: [&'static str; 4] = ["EVENT", "REQ", "live", "newcomer"];

    fn tallies(&self) -> [&Tally; 4] {
        [&self.events, &self.requests, &self.live.tally, &self.newcomers]
    }

    /// All answers together.
    pub fn all(&self) -> anyhow::Result<Tally> {
        let mut all = Tally::new()?;
        for (what, tally) in Self::KINDS.into_iter().zip(self.tallies()) {
            all.latency.add(&tally.latency)?;
            all.accepted += tally.accepted;
            all.refused += tally.refused;
            for (fault, times) in &tally.faults {
                *all.faults.entry(format!("{what}: {fault}")).or_default() += times;
            }
        }
        Ok(all)
    }
}
