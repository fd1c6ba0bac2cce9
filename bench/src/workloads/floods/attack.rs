//! The hostile clients, who all come from one address.

use std::{cell::RefCell, fmt, net::Ipv4Addr, time::Instant};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::{barrage::barrage, squatters};
use crate::{corpus::Index, target::Target};

/// What they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
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
    /// Asks for the document of NIP-11 without waiting for the answers.
    Documents,
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
            Self::Documents => "NIP-11 flood",
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
    pub index: Index,
    /// Events that nobody has seen.
    pub notes: Vec<String>,
    pub done: RefCell<Done>,
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Done {
    /// Messages sent, or connections opened.
    pub did: u64,
    /// Answers of any kind.
    pub answers: u64,
    /// OK false, CLOSED, NOTICE.
    pub refusals: u64,
    /// Connections that the relay ended, or did not let in.
    pub ended: u64,
    /// CPU of the attacker, seconds.
    pub cpu_s: f64,
}

impl Flood {
    /// Until the time is over.
    pub async fn attack(self, field: &Field) {
        match self {
            Self::NeverReads => squatters::never_read(field).await,
            Self::ByteASecond => squatters::sip(field).await,
            Self::HalfFrames => squatters::half_frames(field).await,
            Self::TenThousand => squatters::ten_thousand(field).await,
            Self::OpensAndCloses => squatters::open_and_close(field).await,
            Self::Documents => squatters::documents(field).await,
            Self::DeflateBombs => squatters::deflate_bombs(field).await,
            _ => barrage(field, self).await,
        }
    }
}
