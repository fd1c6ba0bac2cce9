//! EVENT: policy, group commit, OK. Running twice is harmless: what is stored is a duplicate then, and accepted.

use std::{collections::HashMap, net::IpAddr};

use apalis::prelude::Data;
use protocol::{KindClass, Prefix, VerifiedEvent};
use pubsub::{ConnectionId, ProcessId, Reply};
use queue::{
    Delivery, JobError,
    jobs::{Client, NewEvents, SubmittedEvent},
};
use store::SaveOutcome;
use tracing::{debug, error, warn};

use crate::{
    batcher::SaveFailed,
    context::{Context, ok},
    membership, metrics,
    policy::{self, Case},
    vanish,
    write_policy::{Suspect, Verdict, WritePolicy},
};

/// Events with those who sent them.
type Sent = Vec<(ConnectionId, VerifiedEvent)>;

/// An event that no rule refuses, and what is known of its sender.
struct Candidate {
    sender: ConnectionId,
    client: Client,
    address: Option<IpAddr>,
    event: VerifiedEvent,
}

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
    let mut candidates = sort_out(job, &cx, &mut answers);
    if let Some(write_policy) = &cx.write_policy {
        candidates = judge(candidates, write_policy, &cx, &mut answers).await;
    }
    let (requests, candidates): (Vec<_>, Vec<_>) = candidates
        .into_iter()
        .partition(|candidate| membership::is_request(candidate.event.kind));
    let decided = decide(requests, is_last, &cx, &mut answers).await;
    let sent = candidates
        .into_iter()
        .map(|candidate| (candidate.sender, candidate.event));
    let (ephemeral, storable): (Sent, Sent) =
        sent.partition(|(_, event)| event.kind.class() == KindClass::Ephemeral);
    let published = pass_on(&ephemeral, is_last, &cx, &mut answers).await;
    let saved = save(storable, attempt > 1, is_last, &cx, &mut answers).await;
    // What has been answered stays answered: on the next run relay-ws owes it no more, and drops it.
    answers.send(attempt, &cx).await?;
    published.and(saved).and(decided).map_err(JobError::retry)
}

/// Refuses what the rules refuse.
fn sort_out(job: NewEvents, cx: &Context, answers: &mut Answers) -> Vec<Candidate> {
    let rulings = cx.rulings.current();
    let mut candidates = Vec::with_capacity(job.events.len());
    for mut submitted in job.events {
        let (client, address) = (std::mem::take(&mut submitted.client), submitted.address);
        let Some((sender, event)) = read(submitted) else {
            metrics::event("unreadable");
            continue;
        };
        let case = Case {
            urls: &cx.urls,
            ..Case::of(&event, Some(&client), &rulings, cx.clock.now())
        };
        match policy::check(&case, &cx.config) {
            Err(reason) => {
                metrics::event(reason.prefix.as_str());
                answers.add(ok(sender, event.id(), false, reason.to_string()));
            }
            Ok(()) => candidates.push(Candidate {
                sender,
                client,
                address,
                event,
            }),
        }
    }
    candidates
}

/// Refuses what the operator's program refuses. It is not asked of what is stored already: a second run of a job, or a
/// client that repeats itself, gets the answer that the first got.
async fn judge(
    candidates: Vec<Candidate>,
    write_policy: &WritePolicy,
    cx: &Context,
    answers: &mut Answers,
) -> Vec<Candidate> {
    let ids: Vec<_> = candidates.iter().map(|candidate| candidate.event.id()).collect();
    // Postgres is away: then nothing will be stored in this run either.
    let known = cx.store.known(&ids).await.unwrap_or_default();
    let (mut welcome, unknown): (Vec<_>, Vec<_>) = candidates
        .into_iter()
        .partition(|candidate| known.contains(&candidate.event.id()));
    let suspects: Vec<_> = unknown
        .iter()
        .map(|candidate| Suspect::sent_by(&candidate.event, candidate.address, &candidate.client))
        .collect();
    let verdicts = write_policy.judge(&suspects, cx.clock.now()).await;
    for (candidate, verdict) in unknown.into_iter().zip(verdicts) {
        let (sender, id) = (candidate.sender, candidate.event.id());
        match verdict {
            Verdict::Accept => welcome.push(candidate),
            Verdict::Reject(reason) => {
                metrics::event("rejected");
                answers.add(ok(sender, id, false, reason));
            }
            Verdict::ShadowReject => {
                metrics::event("shadow rejected");
                answers.add(ok(sender, id, true, ""));
            }
        }
    }
    welcome
}

/// Lets members in and out (NIP-43).
async fn decide(
    requests: Vec<Candidate>,
    is_last: bool,
    cx: &Context,
    answers: &mut Answers,
) -> Result<(), Unfinished> {
    let mut result = Ok(());
    for Candidate {
        sender,
        client,
        event,
        ..
    } in requests
    {
        let (id, pubkey) = (event.id(), event.pubkey);
        match membership::answer(&event, &client, cx).await {
            Ok(decided) => {
                metrics::event("request");
                // First, so that who is told welcome is.
                if let Some(level) = decided.level {
                    answers.add(Reply::Level {
                        connection: sender,
                        event: id,
                        pubkey,
                        level,
                    });
                }
                answers.add(ok(sender, id, decided.accepted, decided.message));
            }
            Err(error) => {
                warn!(%error, "a request of NIP-43 could not be decided");
                result = Err(Unfinished::Save);
                if is_last {
                    answers.add(ok(sender, id, false, "error: try again later"));
                }
            }
        }
    }
    result
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

/// NIP-01: never stored. Accepted once it is published and somebody listens, which relay-ws knows.
async fn pass_on(
    events: &Sent,
    is_last: bool,
    cx: &Context,
    answers: &mut Answers,
) -> Result<(), Unfinished> {
    let mut of_processes: HashMap<ProcessId, Vec<&(ConnectionId, VerifiedEvent)>> = HashMap::new();
    for sent in events {
        of_processes.entry(sent.0.process()).or_default().push(sent);
    }
    for (process, sent) in of_processes {
        let published: Vec<_> = sent.iter().map(|(_, event)| event).collect();
        let receivers = cx.announcer.pass_on(&published, process).await;
        if let Err(error) = &receivers {
            warn!(%error, "ephemeral events could not be published");
            if !is_last {
                return Err(Unfinished::Publish);
            }
        }
        for (sender, event) in sent {
            let (connection, event) = (*sender, event.id());
            let (label, answer) = match receivers {
                Ok(Some(receivers)) => (
                    "ephemeral",
                    Reply::PassedOn {
                        connection,
                        event,
                        receivers,
                    },
                ),
                Ok(None) => ("ephemeral", ok(connection, event, true, "")),
                Err(_) => {
                    let message = "error: the event could not be passed on";
                    (Prefix::Error.as_str(), ok(connection, event, false, message))
                }
            };
            metrics::event(label);
            answers.add(answer);
        }
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
    let requests = vanish::requests(events.iter().map(|(_, event)| event));
    let events = events.into_iter().map(|(_, event)| event).collect();
    let committed = cx.batcher.save(events, again).await;
    vanish::follow(requests, cx).await;
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
        Ok(SaveOutcome::Vanished) => (
            "vanished",
            false,
            "blocked: its author or recipient asked to vanish",
        ),
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
