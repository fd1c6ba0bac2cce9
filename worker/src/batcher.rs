//! Group commit: whatever has gathered while the last commit was on its way goes into the next.
//!
//! In: events of jobs. Out, after the commit: what became of each. Under light load a batch is one job and waits for
//! nothing; under heavy load it is as large as allowed, and an event costs Postgres a tenth of what it costs alone.

use std::{error::Error, iter::repeat_n, sync::Arc};

use protocol::VerifiedEvent;
use store::{SaveOutcome, Saved, Store, StoreError};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use tracing::{error, warn};

use crate::{announcer::Announcer, metrics};

/// Groups that may wait; jobs in flight bound them already.
const WAITING: usize = 1024;

/// Events of one job that are to be saved.
struct Group {
    events: Vec<VerifiedEvent>,
    /// The job has run before: what is a duplicate now may never have been published.
    again: bool,
    done: oneshot::Sender<Committed>,
}

/// What became of the events of a job.
#[derive(Debug)]
pub struct Committed {
    /// One for each, in their order.
    pub outcomes: Vec<Result<SaveOutcome, SaveFailed>>,
    /// Whether the new ones among them have been published.
    pub announced: bool,
}

/// An event that could not be saved; the reason has been reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaveFailed {
    /// Postgres was away: worth another attempt.
    Away,
    /// Postgres is well and does not take this event: it never will.
    Unstorable,
}

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
    pub async fn save(&self, events: Vec<VerifiedEvent>, again: bool) -> Committed {
        let (count, (done, committed)) = (events.len(), oneshot::channel());
        let sent = self.0.send(Group { events, again, done }).await;
        match (sent, committed.await) {
            (Ok(()), Ok(committed)) => committed,
            // The commit panicked, or the process ends.
            _ => Committed {
                outcomes: vec![Err(SaveFailed::Away); count],
                announced: false,
            },
        }
    }
}

impl Committer {
    async fn run(self, mut groups: mpsc::Receiver<Group>) {
        let (committer, mut too_many) = (Arc::new(self), None);
        loop {
            let Some(first) = (match too_many.take() {
                Some(group) => Some(group),
                None => groups.recv().await,
            }) else {
                return;
            };
            let batch;
            (batch, too_many) = committer.gather(first, &mut groups);
            let one = Arc::clone(&committer);
            let commit = tokio::spawn(async move {
                let outcomes = one.commit(&batch).await;
                (batch, outcomes)
            });
            // A panic costs the jobs of this batch an attempt, not the process its committer.
            let Ok((batch, outcomes)) = commit.await else {
                continue;
            };
            // The next commit need not wait until the world knows of this one.
            let one = Arc::clone(&committer);
            tokio::spawn(async move { one.tell(batch, outcomes).await });
        }
    }

    /// What waits, as far as it fits; and the group that did not.
    fn gather(&self, first: Group, groups: &mut mpsc::Receiver<Group>) -> (Vec<Group>, Option<Group>) {
        let mut events = first.events.len();
        let mut batch = vec![first];
        while events < self.batch_max
            && let Ok(group) = groups.try_recv()
        {
            events += group.events.len();
            if events > self.batch_max {
                return (batch, Some(group));
            }
            batch.push(group);
        }
        (batch, None)
    }

    async fn commit(&self, batch: &[Group]) -> Outcomes {
        let began = Instant::now();
        let events: Vec<&VerifiedEvent> = batch.iter().flat_map(|group| &group.events).collect();
        let outcomes = match self.store.save(&events).await {
            Ok(saved) => Outcomes::of(saved),
            Err(error) if error.is_about_data() => self.one_by_one(&events).await,
            Err(error) => {
                report_away(&error);
                Outcomes::away(events.len())
            }
        };
        metrics::commit(events.len(), began.elapsed());
        outcomes
    }

    /// One event that Postgres refuses must not take its neighbours with it.
    async fn one_by_one(&self, events: &[&VerifiedEvent]) -> Outcomes {
        let mut outcomes = Outcomes::default();
        for (place, event) in events.iter().enumerate() {
            match self.store.save(&[event]).await {
                Ok(saved) => outcomes.extend(Outcomes::of(saved)),
                Err(error) if error.is_about_data() => {
                    let why = error.source().map(ToString::to_string);
                    error!(event = %event.id(), why, "Postgres refuses an event");
                    outcomes.each.push(Err(SaveFailed::Unstorable));
                }
                Err(error) => {
                    report_away(&error);
                    outcomes.extend(Outcomes::away(events.len() - place));
                    return outcomes;
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
        let (mut new, mut stored) = (Vec::new(), Vec::new());
        for ((event, outcome), again) in events.zip(&outcomes.each).zip(again) {
            match outcome {
                Ok(SaveOutcome::Stored) => {
                    stored.push(event);
                    new.push(event);
                }
                // The first run may have died between commit and publish. Who has it already drops it.
                Ok(SaveOutcome::Duplicate) if again => new.push(event),
                Ok(
                    SaveOutcome::Duplicate
                    | SaveOutcome::Superseded
                    | SaveOutcome::Deleted
                    | SaveOutcome::Vanished,
                )
                | Err(_) => {}
            }
        }
        let announced = self.announcer.announce(&new, outcomes.last_seq).await;
        if let Err(error) = &announced {
            warn!(%error, events = new.len(), "new events could not be published: their jobs run again");
        }
        self.announcer.latest.add(&stored);
        let mut each = outcomes.each.into_iter();
        for group in batch {
            let committed = Committed {
                outcomes: each.by_ref().take(group.events.len()).collect(),
                announced: announced.is_ok(),
            };
            // A job that is not interested any more has been given up.
            let _gone = group.done.send(committed);
        }
    }
}

fn report_away(error: &StoreError) {
    let why = error.source().map(ToString::to_string);
    warn!(%error, why, "a batch could not be saved: its jobs run again");
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

    fn away(events: usize) -> Self {
        Self {
            each: vec![Err(SaveFailed::Away); events],
            last_seq: None,
        }
    }

    fn extend(&mut self, other: Self) {
        self.each.extend(other.each);
        self.last_seq = self.last_seq.max(other.last_seq);
    }
}
