//! Events from elsewhere: checked as if a client had sent them. Running twice finds duplicates.

use apalis::prelude::Data;
use protocol::VerifiedEvent;
use queue::{Delivery, JobError, jobs::Import};
use store::SaveOutcome;
use tokio::task::spawn_blocking;
use tracing::debug;

use crate::{
    batcher::SaveFailed,
    context::Context,
    examine::{Rules, verify},
    metrics, vanish,
    write_policy::{Suspect, Verdict, WritePolicy},
};

/// Events that a write policy is asked of together.
const AT_A_TIME: usize = 32;

/// Handles a job of `nostr:import`. What is refused is counted; there is nobody to tell.
pub async fn import(delivery: Delivery<Import>, cx: Data<Context>) -> Result<(), JobError> {
    let (attempt, examining) = (delivery.attempt, cx.clone());
    let mut accepted = spawn_blocking(move || examine(delivery.job, &examining))
        .await
        .map_err(JobError::retry)?;
    if let Some(write_policy) = &cx.write_policy {
        accepted = judge(accepted, write_policy, cx.clock.now()).await;
    }
    // An import may be large; events of clients wait for no more than one commit of it.
    let mut left = 0;
    while !accepted.is_empty() {
        let rest = accepted.split_off(accepted.len().min(cx.config.worker.batch_max));
        let requests = vanish::requests(&accepted);
        let committed = cx.batcher.save(accepted, attempt > 1).await;
        vanish::follow(requests, &cx).await;
        accepted = rest;
        left += usize::from(!committed.announced);
        for outcome in committed.outcomes {
            left += usize::from(outcome == Err(SaveFailed::Away));
            metrics::imported(label(outcome));
        }
    }
    if left > 0 {
        return Err(JobError::retry(Unfinished));
    }
    Ok(())
}

/// What is left to do is done by the next run.
#[derive(Debug, thiserror::Error)]
#[error("some events could not be saved or published")]
struct Unfinished;

fn examine(job: Import, cx: &Context) -> Vec<VerifiedEvent> {
    let rulings = cx.rulings.current();
    let rules = Rules {
        policy: Some((&cx.config, &rulings)),
        urls: &cx.urls,
        now: cx.clock.now(),
    };
    let mut accepted = Vec::with_capacity(job.events.len());
    for json in job.events {
        match rules.read(json.get().as_bytes()).and_then(verify) {
            Ok(event) => accepted.push(event),
            Err(unwelcome) => {
                metrics::imported(unwelcome.label());
                debug!(%unwelcome, "an imported event is not stored");
            }
        }
    }
    accepted
}

/// What the operator's program lets in.
async fn judge(events: Vec<VerifiedEvent>, write_policy: &WritePolicy, now: u64) -> Vec<VerifiedEvent> {
    let mut welcome = Vec::with_capacity(events.len());
    let mut events = events.into_iter().peekable();
    // A part at a time: each verdict has its time limit, and those of a whole archive would not come within it.
    while events.peek().is_some() {
        let part: Vec<_> = events.by_ref().take(AT_A_TIME).collect();
        let suspects: Vec<_> = part.iter().map(Suspect::imported).collect();
        let verdicts = write_policy.judge(&suspects, now).await;
        for (event, verdict) in part.into_iter().zip(verdicts) {
            match verdict {
                Verdict::Accept => welcome.push(event),
                Verdict::Reject(_) | Verdict::ShadowReject => metrics::imported("rejected"),
            }
        }
    }
    welcome
}

fn label(outcome: Result<SaveOutcome, SaveFailed>) -> &'static str {
    match outcome {
        Ok(SaveOutcome::Stored) => "stored",
        Ok(SaveOutcome::Duplicate) => "duplicate",
        Ok(SaveOutcome::Superseded) => "superseded",
        Ok(SaveOutcome::Deleted) => "deleted",
        Ok(SaveOutcome::Vanished) => "vanished",
        Err(SaveFailed::Away | SaveFailed::Unstorable) => "error",
    }
}
