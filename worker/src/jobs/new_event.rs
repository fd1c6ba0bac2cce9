//! EVENT: policy, group commit, OK. Running twice is harmless: what is stored is a duplicate then, and accepted.

use std::collections::HashMap;

use apalis::prelude::Data;
use protocol::{KindClass, Prefix, VerifiedEvent};
use pubsub::{ConnectionId, ProcessId, Reply};
use queue::{
    Delivery, JobError,
    jobs::{NewEvents, SubmittedEvent},
};
use store::SaveOutcome;
use tracing::{debug, error, warn};

use crate::{
    batcher::SaveFailed,
    context::{Context, ok},
    metrics,
    policy::{self, Case},
};

/// Events with those who sent them.
type Sent = Vec<(ConnectionId, VerifiedEvent)>;

/// Answers by process: each gets one message.
#[derive(Default)]
struct Answers(HashMap<ProcessId, Vec<Reply>>);

/// What is left to do after a run, by the next one.
#[derive(Debug, thiserror::Error)]
enum Unfinished {
    #[error("some events could not be saved")]
    Save,
    #[error("new events could not be published")]
    Publish,
}

/// Handles a job of `nostr:event`.
pub async fn new_event(delivery: Delivery<NewEvents>, cx: Data<Context>) -> Result<(), JobError> {
    let Delivery {
        job,
        attempt,
        is_last,
        ..
    } = delivery;
    let mut answers = Answers::default();
    let (storable, ephemeral) = sort_out(job, &cx, &mut answers);
    let published = pass_on(&ephemeral, is_last, &cx, &mut answers).await;
    let saved = save(storable, attempt > 1, is_last, &cx, &mut answers).await;
    // What has been answered stays answered: on the next run relay-ws owes it no more, and drops it.
    answers.send(attempt, &cx).await?;
    published.and(saved).map_err(JobError::retry)
}

/// Refuses what policy refuses; answers with what is to be stored and what is only passed on.
fn sort_out(job: NewEvents, cx: &Context, answers: &mut Answers) -> (Sent, Sent) {
    let (mut storable, mut ephemeral) = (Vec::with_capacity(job.events.len()), Vec::new());
    for mut submitted in job.events {
        let client = std::mem::take(&mut submitted.client);
        let Some((sender, event)) = read(submitted) else {
            metrics::event("unreadable");
            continue;
        };
        let case = Case {
            event: event.event(),
            client: Some(&client),
            now: cx.clock.now(),
        };
        match policy::check(&case, &cx.config.policy, &cx.config.auth) {
            Err(reason) => {
                metrics::event(reason.prefix.as_str());
                answers.add(ok(sender, event.id(), false, reason.to_string()));
            }
            Ok(()) if event.kind.class() == KindClass::Ephemeral => ephemeral.push((sender, event)),
            Ok(()) => storable.push((sender, event)),
        }
    }
    (storable, ephemeral)
}

/// What relay-ws never writes is left out: it must not take the other events of the job with it.
fn read(submitted: SubmittedEvent) -> Option<(ConnectionId, VerifiedEvent)> {
    let json = String::from(Box::<str>::from(submitted.event));
    match (
        submitted.connection.parse::<ConnectionId>(),
        VerifiedEvent::from_canonical(json),
    ) {
        (Ok(sender), Ok(event)) => Some((sender, event)),
        (sender, event) => {
            // The reason may quote the event, which is not for the reports.
            debug!(sender = ?sender.err(), event = ?event.err(), "not as relay-ws writes it");
            error!("a job holds an event that cannot be read");
            None
        }
    }
}

/// NIP-01: never stored. Accepted once it is published.
async fn pass_on(
    events: &Sent,
    is_last: bool,
    cx: &Context,
    answers: &mut Answers,
) -> Result<(), Unfinished> {
    let published: Vec<_> = events.iter().map(|(_, event)| event).collect();
    let (accepted, message) = match cx.announcer.announce(&published, None).await {
        Ok(()) => (true, ""),
        Err(error) => {
            warn!(%error, "ephemeral events could not be published");
            if !is_last {
                return Err(Unfinished::Publish);
            }
            (false, "error: the event could not be passed on")
        }
    };
    for (sender, event) in events {
        metrics::event(if accepted {
            "ephemeral"
        } else {
            Prefix::Error.as_str()
        });
        answers.add(ok(*sender, event.id(), accepted, message));
    }
    Ok(())
}

async fn save(
    events: Sent,
    again: bool,
    is_last: bool,
    cx: &Context,
    answers: &mut Answers,
) -> Result<(), Unfinished> {
    if events.is_empty() {
        return Ok(());
    }
    let owed: Vec<_> = events
        .iter()
        .map(|(sender, event)| (*sender, event.id()))
        .collect();
    let events = events.into_iter().map(|(_, event)| event).collect();
    let committed = cx.batcher.save(events, again).await;
    let mut result = if committed.announced {
        Ok(())
    } else {
        Err(Unfinished::Publish)
    };
    for ((sender, id), outcome) in owed.into_iter().zip(committed.outcomes) {
        if outcome == Err(SaveFailed::Away) {
            result = Err(Unfinished::Save);
            if !is_last {
                continue;
            }
        }
        let (label, accepted, message) = answer(outcome);
        metrics::event(label);
        answers.add(ok(sender, id, accepted, message));
    }
    result
}

/// What is counted, and what the client is told.
fn answer(outcome: Result<SaveOutcome, SaveFailed>) -> (&'static str, bool, &'static str) {
    match outcome {
        Ok(SaveOutcome::Stored) => ("stored", true, ""),
        Ok(SaveOutcome::Duplicate) => ("duplicate", true, "duplicate: already have this event"),
        Ok(SaveOutcome::Superseded) => ("superseded", true, "duplicate: a newer version is already stored"),
        Ok(SaveOutcome::Deleted) => ("deleted", false, "blocked: the author deleted this event"),
        Err(SaveFailed::Away | SaveFailed::Unstorable) => {
            ("error", false, "error: the event could not be stored")
        }
    }
}

impl Answers {
    fn add(&mut self, reply: Reply) {
        self.0
            .entry(reply.connection().process())
            .or_default()
            .push(reply);
    }

    async fn send(self, attempt: u32, cx: &Context) -> Result<(), JobError> {
        for (process, replies) in self.0 {
            cx.reply(process, replies, attempt).await?;
        }
        Ok(())
    }
}
