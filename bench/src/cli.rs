//! The command line.

use std::{ops::Range, path::PathBuf};

use clap::{Args, Parser, Subcommand, builder::TypedValueParser};

use crate::{
    processes::Servers,
    target::Target,
    workloads::{Shape, Suite},
};

/// Connections of one process: the usual limit of open files, less a few.
pub const MAX_CONNECTIONS: usize = 19_000;

/// Loads a Nostr relay on this machine and says what it costs.
#[derive(Debug, Parser)]
#[command(name = "switchyard-bench")]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub workload: Workload,
}

/// What every workload needs to know.
#[derive(Debug, Args)]
pub struct Common {
    /// The relay: a loopback address only. Several, separated by commas, get every nth connection each.
    #[arg(
        long,
        global = true,
        value_delimiter = ',',
        default_value = "ws://127.0.0.1:3000"
    )]
    pub url: Vec<Target>,
    /// Its processes by role, children included: relay-ws=12,worker=13+14,postgres=15,redis=16.
    #[arg(long, global = true, default_value = "")]
    pub pids: Servers,
    /// Its name in the report.
    #[arg(long, global = true, default_value = "relay")]
    pub label: String,
    /// Where the corpus is kept.
    #[arg(long, global = true, default_value = ".data/bench")]
    pub data: PathBuf,
    /// The seed of the corpus and of every choice.
    #[arg(long, global = true, default_value_t = 1)]
    pub seed: u64,
    /// Also writes the report there, as JSON.
    #[arg(long, global = true)]
    pub json: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum Workload {
    /// All of them, in order.
    Suite(Suite),
    /// Makes the corpus and ends.
    Corpus {
        #[arg(long, default_value_t = 75_500, value_parser = within(1, 10_000_000))]
        events: usize,
    },
    /// EVENT → OK as fast as events are taken, or at a rate.
    Ingest {
        #[command(flatten)]
        part: Part,
        #[arg(long, default_value_t = 8, value_parser = within(1, MAX_CONNECTIONS))]
        connections: usize,
        /// In flight on each connection.
        #[arg(long, default_value_t = 64, value_parser = within(1, 10_000))]
        window: usize,
        /// Events a second, whether they are answered or not.
        #[arg(long)]
        rate: Option<f64>,
    },
    /// EVENT → OK, one at a time, from one client.
    IngestOne {
        #[command(flatten)]
        part: Part,
    },
    /// Events that are stored already, again and again.
    Duplicates {
        #[command(flatten)]
        part: Part,
        /// How often any of them is sent.
        #[arg(long, default_value_t = 60_000, value_parser = within(1, 10_000_000))]
        repeat: usize,
        #[arg(long, default_value_t = 8, value_parser = within(1, MAX_CONNECTIONS))]
        connections: usize,
        #[arg(long, default_value_t = 64, value_parser = within(1, 10_000))]
        window: usize,
    },
    /// REQ → EOSE as fast as they are answered, or at a rate.
    Req {
        shape: Shape,
        /// How many events of the corpus are stored.
        #[arg(long, default_value_t = 60_000, value_parser = within(100, 10_000_000))]
        stored: usize,
        /// Events in the corpus; another size is another corpus.
        #[arg(long, default_value_t = 75_500, value_parser = within(1, 10_000_000))]
        corpus: usize,
        #[arg(long, default_value_t = 8, value_parser = within(1, MAX_CONNECTIONS))]
        connections: usize,
        #[arg(long, default_value_t = 5, value_parser = within(1, 3_600))]
        seconds: usize,
        /// Requests a second, whether they are answered or not.
        #[arg(long)]
        rate: Option<f64>,
    },
    /// From publishing to delivery, at ease.
    Live {
        #[arg(long, default_value_t = 10, value_parser = within(1, MAX_CONNECTIONS))]
        subscribers: usize,
        #[arg(long, default_value_t = 10.0)]
        rate: f64,
        #[arg(long, default_value_t = 10, value_parser = within(1, 3_600))]
        seconds: usize,
    },
    /// Few events to thousands of subscribers.
    Fanout {
        #[arg(long, default_value_t = 5_000, value_parser = within(1, MAX_CONNECTIONS))]
        connections: usize,
        #[arg(long, default_value_t = 60, value_parser = within(1, 1_000))]
        events: usize,
    },
    /// Events at a rate beside subscriptions that none of them matches.
    Bystanders {
        #[command(flatten)]
        part: Part,
        /// Live subscriptions, up to a hundred a connection.
        #[arg(long, default_value_t = 100_000, value_parser = within(1, 100 * MAX_CONNECTIONS))]
        subscriptions: usize,
        /// Events a second.
        #[arg(long, default_value_t = 1_000.0)]
        rate: f64,
    },
    /// Connections that wait.
    Idle {
        #[arg(long, default_value_t = 10_000, value_parser = within(1, MAX_CONNECTIONS))]
        connections: usize,
        #[arg(long, default_value_t = 5, value_parser = within(1, 3_600))]
        seconds: usize,
    },
    /// Floods a relay as its standard input says: for the other workloads.
    #[command(hide = true)]
    Attack,
    /// Two reports side by side.
    Compare { first: PathBuf, second: PathBuf },
}

impl Workload {
    /// Events that the corpus must have.
    pub fn corpus(&self) -> usize {
        match self {
            Self::Suite(suite) => suite.corpus(),
            Self::Corpus { events } => *events,
            Self::Ingest { part, .. }
            | Self::IngestOne { part }
            | Self::Duplicates { part, .. }
            | Self::Bystanders { part, .. } => part.corpus,
            Self::Req { corpus, .. } => *corpus,
            // They make their own events.
            Self::Live { .. }
            | Self::Fanout { .. }
            | Self::Idle { .. }
            | Self::Attack
            | Self::Compare { .. } => 0,
        }
    }
}

/// A part of the corpus.
#[derive(Debug, Args)]
pub struct Part {
    /// Number of the first event.
    #[arg(long, default_value_t = 0, value_parser = within(0, 10_000_000))]
    from: usize,
    /// How many.
    #[arg(long, default_value_t = 1_000, value_parser = within(1, 10_000_000))]
    count: usize,
    /// Events in the corpus; another size is another corpus.
    #[arg(long, default_value_t = 75_500, value_parser = within(1, 10_000_000))]
    corpus: usize,
}

impl Part {
    pub fn range(&self) -> Range<usize> {
        self.from..self.from + self.count
    }
}

/// A whole number with bounds.
pub fn within(least: usize, most: usize) -> impl TypedValueParser<Value = usize> {
    clap::builder::RangedU64ValueParser::<u64>::new()
        .range(least as u64..=most as u64)
        .map(|number| number as usize)
}
