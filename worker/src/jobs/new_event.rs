//! EVENT: policy, group commit, OK. Running twice is harmless: what is stored is a duplicate then, and accepted.

use std::collections::HashMap;

use apalis::prelude::Data;
use metrics::counter;
use protocol::{KindClass, Prefix, Reason, VerifiedEvent};
use pubsub::{ConnectionId, ProcessId, Reply};
use queue::{
    Delivery, JobError,
    jobs::{NewEvents, SubmittedEvent},
};
use store::SaveOutcome;

use crate::{
    batcher::SaveFailed,
    context::{Context, connection, ok},
    policy::{self, Case},
};

/// Answers by process: each gets one message.
#[derive(Default)]
struct Answers(HashMap<ProcessId, Vec<Reply>>);

/// Handles a job of `nostr:event`.
pub async fn new_event(delivery: Delivery<NewEvents>, cx: Data<Context>) -> Result<(), JobError> {
    let mut answers = Answers::default();
    let (mut senders, mut storable, mut ephemeral) = (Vec::new(), Vec::new(), Vec::new());
    for submitted in delivery.job.events {
        let (sender, event) = match judge(submitted, &cx)? {
            (sender, event, Ok(())) => (sender, event),
            (sender, event, Err(reason)) => {
                counter!("worker_events_total", "outcome" => reason.prefix.as_str()).increment(1);
                answers.add(ok(sender, event.id(), false, reason.to_string()));
                continue;
            }
        };
        if event.kind.class() == KindClass::Ephemeral {
            ephemeral.push((sender, event));
        } else {
            senders.push((sender, event.id()));
            storable.push(event);
        }
    }
    pass_on(&ephemeral, &cx, &mut answers).await;
    let mut failed = false;
    if !storable.is_empty() {
        let outcomes = cx.batcher.save(storable, delivery.attempt > 1).await;
        for ((sender, id), outcome) in senders.into_iter().zip(outcomes) {
            let (accepted, message) = match outcome {
                Ok(outcome) => answer(outcome),
                Err(SaveFailed) if delivery.is_last => (false, "error: the event could not be stored"),
                Err(SaveFailed) => {
                    failed = true;
                    continue;
                }
            };
            answers.add(ok(sender, id, accepted, message));
        }
    }
    answers.send(&cx).await?;
    // What has been answered is known to have been; the others are tried again with the job.
    if failed {
        Err(JobError::retry(SaveFailed))
    } else {
        Ok(())
    }
}

type Judged = (ConnectionId, VerifiedEvent, Result<(), Reason>);

fn judge(submitted: SubmittedEvent, cx: &Context) -> Result<Judged, JobError> {
    let sender = connection(&submitted.connection)?;
    let json = String::from(Box::<str>::from(submitted.event));
    let event = VerifiedEvent::from_canonical(json).map_err(JobError::abort)?;
    let case = Case {
        event: event.event(),
        client: Some(&submitted.client),
        now: cx.clock.now(),
    };
    let verdict = policy::check(&case, &cx.config.policy, &cx.config.auth);
    Ok((sender, event, verdict))
}

/// NIP-01: never stored. Accepted once it is published.
async fn pass_on(events: &[(ConnectionId, VerifiedEvent)], cx: &Context, answers: &mut Answers) {
    let published: Vec<_> = events.iter().map(|(_, event)| event).collect();
    cx.announcer.announce(&published, None).await;
    for (sender, event) in events {
        counter!("worker_events_total", "outcome" => "ephemeral").increment(1);
        answers.add(ok(*sender, event.id(), true, ""));
    }
}

/// What the client is told.
fn answer(outcome: SaveOutcome) -> (bool, &'static str) {
    let (label, accepted, message) = match outcome {
        SaveOutcome::Stored => ("stored", true, ""),
        SaveOutcome::Duplicate => ("duplicate", true, "duplicate: already have this event"),
        SaveOutcome::Superseded => ("superseded", true, "duplicate: a newer version is stored"),
        SaveOutcome::Deleted => (
            Prefix::Blocked.as_str(),
            false,
            "blocked: its author deleted this event",
        ),
    };
    counter!("worker_events_total", "outcome" => label).increment(1);
    (accepted, message)
}

impl Answers {
    fn add(&mut self, reply: Reply) {
        self.0
            .entry(reply.connection().process())
            .or_default()
            .push(reply);
    }

    async fn send(self, cx: &Context) -> Result<(), JobError> {
        for (process, replies) in self.0 {
            cx.reply(process, replies).await?;
        }
        Ok(())
    }
}
