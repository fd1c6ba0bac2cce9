//! The jobs that this consumer has taken and not settled, and how many more it may take.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::stream::Entry;

/// Jobs by id. Shared by those who fetch, vouch and settle.
#[derive(Debug, Clone)]
pub(crate) struct Held(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    jobs: Mutex<HashMap<String, HeldJob>>,
    /// How many there are, for those who wait for room.
    count: watch::Sender<usize>,
    limit: usize,
}

/// What is needed to settle a job.
#[derive(Debug, Clone)]
pub(crate) struct HeldJob {
    /// Its JSON, for the dead letters.
    pub json: Bytes,
    /// Deliveries so far.
    pub attempt: u32,
    since: Instant,
}

impl Held {
    /// For a worker that runs `concurrency` jobs at a time.
    ///
    /// A quarter more is taken than can run, so that a quick job does not wait for a round trip. Queues of heavy jobs
    /// have a concurrency below four: there nothing is taken in advance, to wait behind a slow job while another worker
    /// has nothing to do.
    pub(crate) fn new(concurrency: usize) -> Self {
        Self(Arc::new(Inner {
            jobs: Mutex::default(),
            count: watch::Sender::new(0),
            limit: concurrency.max(1) + concurrency / 4,
        }))
    }

    /// Waits until there is room; answers for how many jobs. New jobs and those of dead workers are taken side by side,
    /// each up to this number, so that neither waits for the other.
    pub(crate) async fn room(&self) -> usize {
        let limit = self.0.limit;
        let mut count = self.0.count.subscribe();
        // An error would mean that the sender is gone: `self` has it.
        let count = count.wait_for(|count| *count < limit).await;
        count.map_or(0, |count| limit - *count)
    }

    /// All at once, and before the first of them is read: nobody vouches for a job that is not held.
    pub(crate) fn insert(&self, entries: &[Entry]) {
        let (since, mut jobs) = (Instant::now(), self.0.jobs.lock());
        jobs.extend(entries.iter().map(|entry| {
            let job = HeldJob {
                json: entry.job.clone(),
                attempt: entry.attempt,
                since,
            };
            (entry.id.clone(), job)
        }));
        self.0.count.send_replace(jobs.len());
    }

    pub(crate) fn remove(&self, id: &str) -> Option<HeldJob> {
        let mut jobs = self.0.jobs.lock();
        let job = jobs.remove(id);
        self.0.count.send_replace(jobs.len());
        job
    }

    pub(crate) fn contains(&self, id: &str) -> bool {
        self.0.jobs.lock().contains_key(id)
    }

    /// How long the one that is held the longest has been.
    pub(crate) fn longest(&self) -> Option<Duration> {
        let jobs = self.0.jobs.lock();
        let since = jobs.values().map(|job| job.since).min();
        since.map(|since| since.elapsed())
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.0.jobs.lock().keys().cloned().collect()
    }
}
