//! Answers, counted and timed.

use std::{collections::BTreeMap, time::Duration, time::Instant};

use anyhow::Context;
use hdrhistogram::Histogram;

/// Longest latency that is told apart, in microseconds; what takes longer counts as this.
const LONGEST_US: u64 = 120_000_000;
/// Distinct faults that are kept.
const MAX_FAULTS: usize = 30;

/// What came back.
pub struct Tally {
    start: Instant,
    /// Microseconds.
    pub latency: Histogram<u64>,
    /// Answers that say yes: OK true, EOSE, a delivery.
    pub accepted: u64,
    /// Answers that say no: OK false, CLOSED.
    pub refused: u64,
    /// Events that came for REQs.
    pub events: u64,
    /// Bytes of messages that came.
    pub bytes: u64,
    /// Accepted in each second since the start.
    pub seconds: Vec<u64>,
    /// What went wrong and how often.
    pub faults: BTreeMap<String, u64>,
}

impl Tally {
    /// From now on.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self {
            start: Instant::now(),
            latency: Histogram::new_with_bounds(1, LONGEST_US, 3).context("histogram")?,
            accepted: 0,
            refused: 0,
            events: 0,
            bytes: 0,
            seconds: Vec::new(),
            faults: BTreeMap::new(),
        })
    }

    /// An answer that says yes, so long after what it answers was to be sent.
    pub fn accept(&mut self, latency: Duration) {
        self.accepted += 1;
        self.latency
            .saturating_record((latency.as_micros() as u64).max(1));
        let second = self.start.elapsed().as_secs() as usize;
        if self.seconds.len() <= second {
            self.seconds.resize(second + 1, 0);
        }
        self.seconds[second] += 1;
    }

    /// An answer that says no. Its time counts too: a relay must not look fast by refusing.
    pub fn refuse(&mut self, latency: Duration, text: &[u8]) {
        self.refused += 1;
        self.latency
            .saturating_record((latency.as_micros() as u64).max(1));
        let text = String::from_utf8_lossy(text);
        self.fault(format!("refused: {}", text.chars().take(60).collect::<String>()));
    }

    /// Something that should not be.
    pub fn fault(&mut self, what: String) {
        if self.faults.len() < MAX_FAULTS || self.faults.contains_key(&what) {
            *self.faults.entry(what).or_default() += 1;
        }
    }

    /// Standard deviation of the whole seconds' counts, relative to their mean: how steady the rate was.
    pub fn unsteadiness(&self) -> Option<f64> {
        // The last second is not whole.
        let whole = &self.seconds[..self.seconds.len().saturating_sub(1)];
        if whole.len() < 3 {
            return None;
        }
        let mean = whole.iter().sum::<u64>() as f64 / whole.len() as f64;
        let variance = whole
            .iter()
            .map(|count| (*count as f64 - mean).powi(2))
            .sum::<f64>()
            / whole.len() as f64;
        Some(variance.sqrt() / mean.max(1.0))
    }
}
