//! Group commit: whatever has gathered while the last commit was on its way goes into the next.
//!
//! Under light load a batch is one job and waits for nothing; under heavy load it is as large as allowed, and an event
//! costs Postgres a tenth of what it costs alone.

use std::{error::Error, iter::repeat_n, sync::Arc};

use metrics::histogram;
use protocol::VerifiedEvent;
use store::{SaveOutcome, Saved, Store, StoreError};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use tracing::{error, warn};

use crate::announcer::Announcer;

/// Groups that may wait; jobs in flight bound them already.
const WAITING: usize = 1024;

/// Events of one job that are to be saved.
struct Group {
    events: Vec<VerifiedEvent>,
    /// The job has run before: what is a duplicate now may never have been published.
    again: bool,
    done: oneshot::Sender<Vec<Result<SaveOutcome, SaveFailed>>>,
}

/// An event that could not be saved; the reason has been reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the event could not be saved")]
pub struct SaveFailed;

/// The way into the next commit.
#[derive(Clone)]
pub struct Batcher(mpsc::Sender<Group>);

/// What commits and tells of it.
pub struct Committer {
    /// Postgres.
    pub store: Store,
    /// Who hears of new events.
    pub announcer: Announcer,
    /// Events in one commit at most, if no single job has more.
    pub batch_max: usize,
}

impl Batcher {
    /// Starts the task that commits. It ends with the last `Batcher`.
    pub fn start(committer: Committer) -> Self {
        let (sender, groups) = mpsc::channel(WAITING);
        tokio::spawn(committer.run(groups));
        Self(sender)
    }

    /// Saves events together with those of other jobs. Returns when they are committed and published.
    pub async fn save(
        &self,
        events: Vec<VerifiedEvent>,
        again: bool,
    ) -> Vec<Result<SaveOutcome, SaveFailed>> {
        let (count, (done, outcomes)) = (events.len(), oneshot::channel());
        let sent = self.0.send(Group { events, again, done }).await;
        match (sent, outcomes.await) {
            (Ok(()), Ok(outcomes)) => outcomes,
            // The committer is gone: the process ends.
            _ => vec![Err(SaveFailed); count],
        }
    }
}

impl Committer {
    async fn run(self, mut groups: mpsc::Receiver<Group>) {
        let committer = Arc::new(self);
        while let Some(first) = groups.recv().await {
            let mut batch = vec![first];
            let mut events = batch[0].events.len();
            while events < committer.batch_max
                && let Ok(group) = groups.try_recv()
            {
                events += group.events.len();
                batch.push(group);
            }
            histogram!("worker_batch_events").record(events as f64);
            let outcomes = committer.commit(&batch).await;
            // The next commit need not wait until the world knows of this one.
            let committer = Arc::clone(&committer);
            tokio::spawn(async move { committer.tell(batch, outcomes).await });
        }
    }

    async fn commit(&self, batch: &[Group]) -> Outcomes {
        let began = Instant::now();
        let events: Vec<&VerifiedEvent> = batch.iter().flat_map(|group| &group.events).collect();
        let outcomes = match self.store.save(&events).await {
            Ok(saved) => Outcomes::of(saved),
            Err(error) => self.apart(&events, &error).await,
        };
        histogram!("worker_commit_seconds").record(began.elapsed().as_secs_f64());
        outcomes
    }

    /// One event that Postgres refuses must not take its neighbours with it.
    async fn apart(&self, events: &[&VerifiedEvent], error: &StoreError) -> Outcomes {
        let mut outcomes = Outcomes::default();
        if !error.is_about_data() {
            warn!(%error, source = ?error.source(), "a batch could not be saved");
            outcomes.each.resize(events.len(), Err(SaveFailed));
            return outcomes;
        }
        for event in events {
            match self.store.save(&[event]).await {
                Ok(saved) => outcomes.extend(Outcomes::of(saved)),
                Err(error) => {
                    error!(event = %event.id(), %error, source = ?error.source(), "an event could not be saved");
                    outcomes.each.push(Err(SaveFailed));
                }
            }
        }
        outcomes
    }

    /// Publishes what is new, then lets the jobs give their OKs: who sees an OK can rely on the event being on its way.
    async fn tell(&self, batch: Vec<Group>, outcomes: Outcomes) {
        let again = batch
            .iter()
            .flat_map(|group| repeat_n(group.again, group.events.len()));
        let events = batch.iter().flat_map(|group| &group.events);
        let new: Vec<&VerifiedEvent> = events
            .zip(&outcomes.each)
            .zip(again)
            .filter(|((_, outcome), again)| match outcome {
                Ok(SaveOutcome::Stored) => true,
                // The first run may have died between commit and publish. Who has it already drops it.
                Ok(SaveOutcome::Duplicate) => *again,
                Ok(SaveOutcome::Superseded | SaveOutcome::Deleted) | Err(SaveFailed) => false,
            })
            .map(|((event, _), _)| event)
            .collect();
        self.announcer.announce(&new, outcomes.last_seq).await;
        self.announcer.list_latest(&new);
        let mut each = outcomes.each.into_iter();
        for group in batch {
            // A job that is not interested any more has been given up.
            let _gone = group.done.send(each.by_ref().take(group.events.len()).collect());
        }
    }
}

/// What became of the events of a batch.
#[derive(Default)]
struct Outcomes {
    each: Vec<Result<SaveOutcome, SaveFailed>>,
    last_seq: Option<i64>,
}

impl Outcomes {
    fn of(saved: Saved) -> Self {
        Self {
            each: saved.outcomes.into_iter().map(Ok).collect(),
            last_seq: saved.last_seq,
        }
    }

    fn extend(&mut self, other: Self) {
        self.each.extend(other.each);
        self.last_seq = self.last_seq.max(other.last_seq);
    }
}
