//! Results: as JSON for later comparison, as a table for people.

use std::{collections::BTreeMap, fmt::Write, fs, path::Path};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::{machine::Machine, meter::Usage, tally::Tally};

/// All that one call of the generator measured.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// Which relay.
    pub label: String,
    /// Unix seconds.
    pub started: u64,
    /// Where.
    pub machine: Machine,
    /// Events, seed and mean bytes of the corpus.
    pub corpus: (usize, u64, usize),
    /// One a workload.
    pub rows: Vec<Row>,
}

/// One workload's figures.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Row {
    /// Name and parameters.
    pub workload: String,
    /// What is counted: events, requests, deliveries, connections.
    pub unit: String,
    /// How many were answered yes.
    pub accepted: u64,
    /// How many were answered no.
    pub refused: u64,
    /// Accepted a second.
    pub rate: f64,
    /// Relative standard deviation of the rate from second to second.
    pub unsteadiness: Option<f64>,
    /// Milliseconds.
    pub latency: Latency,
    /// Time, CPU and memory.
    pub usage: Usage,
    /// What else was found, such as events in an answer.
    pub facts: BTreeMap<String, f64>,
    /// What went wrong and how often.
    pub faults: BTreeMap<String, u64>,
}

/// Percentiles in milliseconds.
#[derive(Debug, Default, Clone, Copy, Serialize, Deserialize)]
pub struct Latency {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

impl Row {
    /// Of a workload that is over.
    pub fn new(workload: impl Into<String>, unit: &str, tally: &Tally, usage: Usage) -> Self {
        let at = |quantile| tally.latency.value_at_quantile(quantile) as f64 / 1e3;
        Self {
            workload: workload.into(),
            unit: unit.to_owned(),
            accepted: tally.accepted,
            refused: tally.refused,
            rate: tally.accepted as f64 / usage.wall_s,
            unsteadiness: tally.unsteadiness(),
            latency: Latency {
                p50: at(0.5),
                p90: at(0.9),
                p99: at(0.99),
                p999: at(0.999),
                max: tally.latency.max() as f64 / 1e3,
            },
            usage,
            facts: BTreeMap::new(),
            faults: tally.faults.clone(),
        }
    }

    /// With something else that was found.
    #[must_use]
    pub fn fact(mut self, name: &str, value: f64) -> Self {
        self.facts.insert(name.to_owned(), value);
        self
    }

    /// CPU microseconds per unit, by role.
    pub fn cpu_us(&self) -> impl Iterator<Item = (&str, f64)> {
        let count = (self.accepted + self.refused).max(1) as f64;
        self.usage
            .servers
            .iter()
            .map(move |(role, usage)| (role.as_str(), usage.cpu_s * 1e6 / count))
    }

    /// CPU microseconds per unit of all roles together.
    pub fn total_cpu_us(&self) -> f64 {
        self.cpu_us().map(|(_, cpu)| cpu).sum()
    }

    /// Why the figures should be read with care.
    fn doubts(&self) -> Vec<String> {
        let wall = self.usage.wall_s;
        let mut doubts = Vec::new();
        if self.usage.generator_s > 0.9 * wall {
            doubts.push("the generator was at its limit (one core)".to_owned());
        }
        for (who, cpu_s) in [
            ("other processes", self.usage.rest_s),
            ("other machines", self.usage.stolen_s),
        ] {
            if cpu_s > 0.15 * wall {
                doubts.push(format!("{who} took {:.0} % of a core", 100.0 * cpu_s / wall));
            }
        }
        doubts
    }
}

impl Report {
    /// Reads what [`Self::save`] wrote.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("{} is no report", path.display()))
    }

    /// As JSON.
    pub fn save(&self, path: &Path) -> anyhow::Result<()> {
        fs::write(path, serde_json::to_vec_pretty(self)?)
            .with_context(|| format!("writing {}", path.display()))
    }

    /// As a table, with a line below a workload for what else it found.
    pub fn table(&self) -> String {
        let mut out = String::new();
        let machine = &self.machine;
        // Writing to a String cannot fail.
        let _ = writeln!(
            out,
            "{}: {} cores ({}), Linux {}, fsync {:.2} ms; corpus of {} events, {} bytes each",
            self.label,
            machine.cores,
            machine.processor,
            machine.kernel,
            machine.fsync_us / 1e3,
            self.corpus.0,
            self.corpus.2,
        );
        let _ = writeln!(
            out,
            "{:<34} {:>8} {:>9} {:>4}  {:>8} {:>8} {:>8} {:>8}  {:>7}  µs CPU by process; generator, rest in cores",
            "workload", "count", "per s", "±%", "p50 ms", "p90", "p99", "max", "µs CPU"
        );
        for row in &self.rows {
            row.write(&mut out);
        }
        out
    }
}

impl Row {
    fn write(&self, out: &mut String) {
        let by_role: Vec<String> = self
            .cpu_us()
            .map(|(role, cpu)| format!("{role} {cpu:.1}"))
            .collect();
        let wall = self.usage.wall_s;
        let _ = writeln!(
            out,
            "{:<34} {:>8} {:>9.0} {:>4}  {:>8.2} {:>8.2} {:>8.2} {:>8.2}  {:>7.1}  {}; {:.2}, {:.2}",
            self.workload,
            self.accepted,
            self.rate,
            self.unsteadiness
                .map_or(String::new(), |part| format!("{:.0}", 100.0 * part)),
            self.latency.p50,
            self.latency.p90,
            self.latency.p99,
            self.latency.max,
            self.total_cpu_us(),
            by_role.join(" "),
            self.usage.generator_s / wall,
            self.usage.rest_s / wall,
        );
        let facts = self
            .facts
            .iter()
            .map(|(name, value)| format!("{name} {}", short(*value)));
        let faults = self
            .faults
            .iter()
            .map(|(what, times)| format!("! {times} × {what}"));
        let doubts = self.doubts().into_iter().map(|doubt| format!("? {doubt}"));
        let below: Vec<String> = facts.chain(faults).chain(doubts).collect();
        if !below.is_empty() {
            let _ = writeln!(out, "    {}", below.join("; "));
        }
    }
}

/// Three digits that matter.
pub fn short(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        ..1.0 => format!("{value:.3}"),
        ..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
