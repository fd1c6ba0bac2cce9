//! The hostile clients. They run on a thread of their own, so that the others' clock is not theirs, and all come from one address.

use std::{
    cell::RefCell,
    fmt, fs,
    net::Ipv4Addr,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::ValueEnum;
use tokio::sync::oneshot;

use super::{super::Bench, barrage::barrage, squatters};
use crate::{corpus::Index, target::Target};

/// What they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Flood {
    /// Asks for everything, again and again, and never reads.
    NeverReads,
    /// The same, and reads a byte a second.
    ByteASecond,
    /// Sends half of a large frame, and no more.
    HalfFrames,
    /// Holds 10,000 connections.
    TenThousand,
    /// Opens and closes connections as fast as it can.
    OpensAndCloses,
    /// Asks as others do, and does not wait for answers.
    Reqs,
    /// As many authors in as many filters as a message holds, since the beginning.
    CostlyReqs,
    /// The tags that most events have, alone and crossed.
    HotTags,
    /// A filter that says nothing.
    NoFilter,
    /// Searches for the words that stand in every note.
    StopWords,
    /// Has everything counted.
    Counts,
    /// Compares everything, by NIP-77.
    Syncs,
    /// Publishes true events, and does not wait for answers.
    Events,
    /// Publishes events whose signature is wrong.
    BadSignatures,
    /// A thousand subscriptions that all match.
    Subscriptions,
    /// Deep and wide JSON of the largest size.
    JsonBombs,
    /// A gigabyte of zeros, compressed.
    DeflateBombs,
}

impl fmt::Display for Flood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NeverReads => "never reads",
            Self::ByteASecond => "reads a byte a second",
            Self::HalfFrames => "half frames",
            Self::TenThousand => "10,000 connections",
            Self::OpensAndCloses => "opens and closes",
            Self::Reqs => "REQ flood",
            Self::CostlyReqs => "costly filters",
            Self::HotTags => "hot tags",
            Self::NoFilter => "no filter",
            Self::StopWords => "stop words",
            Self::Counts => "COUNT flood",
            Self::Syncs => "NEG-OPEN flood",
            Self::Events => "EVENT flood",
            Self::BadSignatures => "bad signatures",
            Self::Subscriptions => "1,000 matching subscriptions",
            Self::JsonBombs => "JSON bombs",
            Self::DeflateBombs => "deflate bombs",
        })
    }
}

/// Where and with what they do it.
pub struct Field {
    pub target: Target,
    pub source: Option<Ipv4Addr>,
    pub until: Instant,
    /// What can be asked about.
    pub index: Arc<Index>,
    /// Events that nobody has seen.
    pub notes: Vec<String>,
    pub done: RefCell<Done>,
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Done {
    /// Messages sent, or connections opened.
    pub did: u64,
    /// Answers of any kind.
    pub answers: u64,
    /// OK false, CLOSED, NOTICE.
    pub refusals: u64,
    /// Connections that the relay ended, or did not let in.
    pub ended: u64,
    /// CPU of the thread, seconds.
    pub cpu_s: f64,
}

/// An attack that goes on.
pub struct Attack {
    thread: thread::JoinHandle<anyhow::Result<Done>>,
}

/// Events that are signed before the attack: signing is slower than what the relay takes.
const NOTES: usize = 30_000;

impl Flood {
    /// Gets everything ready, says so, and attacks when it is told until when.
    pub fn prepare(
        self,
        bench: &Bench,
        index: &Arc<Index>,
    ) -> anyhow::Result<(Attack, oneshot::Sender<Instant>)> {
        let target = bench.targets[0].clone();
        let source = bench.sources.hostile(&target);
        let notes = if matches!(self, Self::Events | Self::BadSignatures) {
            bench.fresh_notes(NOTES)?.1
        } else {
            Vec::new()
        };
        let index = Arc::clone(index);
        let (go, told) = oneshot::channel();
        let thread = thread::Builder::new().name("attack".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let field = Field {
                    target,
                    source,
                    until: told.await.context("nobody says until when")?,
                    index,
                    notes,
                    done: RefCell::default(),
                };
                let before = thread_cpu();
                self.attack(&field).await?;
                let cpu_s = (thread_cpu() - before).as_secs_f64();
                anyhow::Ok(Done {
                    cpu_s,
                    ..field.done.into_inner()
                })
            })
        })?;
        Ok((Attack { thread }, go))
    }

    async fn attack(self, field: &Field) -> anyhow::Result<()> {
        match self {
            Self::NeverReads => squatters::never_read(field).await,
            Self::ByteASecond => squatters::sip(field).await,
            Self::HalfFrames => squatters::half_frames(field).await,
            Self::TenThousand => squatters::ten_thousand(field).await,
            Self::OpensAndCloses => squatters::open_and_close(field).await,
            Self::DeflateBombs => squatters::deflate_bombs(field).await,
            _ => barrage(field, self).await,
        }
        Ok(())
    }
}

impl Attack {
    /// What came of it, when it is over.
    pub fn end(self) -> anyhow::Result<Done> {
        self.thread
            .join()
            .map_err(|_| anyhow::anyhow!("the attack panicked"))?
    }
}

fn thread_cpu() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|text| text.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}
