//! The newest events in memory: most REQs ask for nothing else.
//!
//! What is in the window is complete: every stored event from its floor (a `created_at`) on. A filter that lies in it, or
//! finds its limit in it, is answered without Postgres; any other is Postgres's alone. Before an answer the window is
//! brought to what was committed when the question came (`follow.rs`), so the answer is the one that Postgres would give.

mod answer;
mod contents;
mod count;
mod entry;
mod follow;
mod load;
mod removals;

use std::{
    sync::{
        Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::RwLock;
use protocol::{Filter, Reader};
use tracing::warn;

use crate::{StoreError, connections::Connections, query::Found};
use contents::Contents;

/// How often the window is brought up to date while questions come, so that none has to wait for much.
const TICK: Duration = Duration::from_secs(1);

/// How often while none come.
const IDLE: Duration = Duration::from_secs(30);

/// What a window has and does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WindowStats {
    /// Events in it.
    pub events: usize,
    /// Bytes that they take, about.
    pub bytes: usize,
    /// Filters answered from it.
    pub answered: u64,
    /// Filters that Postgres was asked for.
    pub passed_on: u64,
}

/// The newest events of a store.
#[derive(Debug)]
pub(crate) struct Window {
    reads: Connections,
    /// Bytes that it may take.
    most: usize,
    /// Whether events are found by those whom they were signed for.
    delegation: bool,
    /// `None` while it is loaded, and when too much came to follow.
    contents: RwLock<Option<Followed>>,
    turns: follow::Turns,
    /// Questions of this process so far.
    asked: AtomicU64,
    answered: AtomicU64,
}

/// Contents, and how far they have followed.
#[derive(Debug)]
struct Followed {
    contents: Contents,
    seq: i64,
    removal: i64,
    at: Instant,
    /// The last change known when somebody asked, of which all is in the contents.
    change: Option<u64>,
}

impl Window {
    pub fn new(reads: Connections, most: usize, delegation: bool) -> Self {
        Self {
            reads,
            most,
            delegation,
            contents: RwLock::default(),
            turns: follow::Turns::default(),
            asked: AtomicU64::new(0),
            answered: AtomicU64::new(0),
        }
    }

    /// Loads it, and loads it again when it had to be given up and somebody asks. Ends when nobody else holds the window.
    pub async fn keep(this: Weak<Self>) {
        let mut asked_before = None;
        loop {
            {
                let Some(window) = this.upgrade() else { return };
                let asked = Some(window.asked.load(Ordering::Relaxed));
                let is_asked = std::mem::replace(&mut asked_before, asked) != asked;
                if let Err(error) = window.upkeep(is_asked).await {
                    let why = std::error::Error::source(&error).map(ToString::to_string);
                    warn!(%error, why, "the window of newest events could not be kept");
                    // Not only when somebody asks again.
                    asked_before = None;
                }
            }
            tokio::time::sleep(TICK).await;
        }
    }

    async fn upkeep(&self, is_asked: bool) -> Result<(), StoreError> {
        let followed_at = self.contents.read().as_ref().map(|followed| followed.at);
        match followed_at {
            None if is_asked => self.load().await,
            Some(at) if is_asked || at.elapsed() > IDLE => self.catch_up(None).await,
            _ => Ok(()),
        }
    }

    /// The answers to those filters that the window can answer; `None` where Postgres has to be asked.
    pub async fn answer(
        &self,
        filters: &[Filter],
        reader: &Reader<'_>,
        now: u64,
        change: Option<u64>,
    ) -> Vec<Option<Found>> {
        let filters_asked = filters.len() as u64;
        self.asked.fetch_add(filters_asked, Ordering::Relaxed);
        if !self.may_answer(filters, now) || !self.catch_up_or_give_up(change).await {
            return vec![None; filters.len()];
        }
        let mut answers = Vec::with_capacity(filters.len());
        for filter in filters {
            // One after the other: a question of many costly filters keeps nobody from the lock or the thread for longer than one.
            if !answers.is_empty() {
                tokio::task::yield_now().await;
            }
            let followed = self.contents.read();
            let contents = followed.as_ref().map(|followed| &followed.contents);
            answers.push(contents.and_then(|contents| contents.answer(filter, reader, now)));
        }
        let answered = answers.iter().flatten().count() as u64;
        self.answered.fetch_add(answered, Ordering::Relaxed);
        answers
    }

    fn may_answer(&self, filters: &[Filter], now: u64) -> bool {
        let followed = self.contents.read();
        followed.as_ref().is_some_and(|followed| {
            filters
                .iter()
                .any(|filter| followed.contents.may_answer(filter, now))
        })
    }

    pub fn stats(&self) -> WindowStats {
        let followed = self.contents.read();
        let answered = self.answered.load(Ordering::Relaxed);
        WindowStats {
            events: followed.as_ref().map_or(0, |followed| followed.contents.len()),
            bytes: followed.as_ref().map_or(0, |followed| followed.contents.bytes()),
            answered,
            passed_on: self.asked.load(Ordering::Relaxed).saturating_sub(answered),
        }
    }
}
