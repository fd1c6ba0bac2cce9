//! Events from elsewhere: checked as if a client had sent them. Running twice finds duplicates.

use apalis::prelude::Data;
use protocol::{Event, KindClass, VerifiedEvent};
use queue::{Delivery, JobError, jobs::Import};
use store::SaveOutcome;
use tokio::task::spawn_blocking;
use tracing::debug;

use crate::{
    batcher::SaveFailed,
    context::Context,
    metrics,
    policy::{self, Case},
    write_policy::{Suspect, Verdict, WritePolicy},
};

/// Events that a write policy is asked of together.
const AT_A_TIME: usize = 32;

/// Handles a job of `nostr:import`. What is refused is counted; there is nobody to tell.
pub async fn import(delivery: Delivery<Import>, cx: Data<Context>) -> Result<(), JobError> {
    let attempt = delivery.attempt;
    let verified = spawn_blocking(move || verify(delivery.job))
        .await
        .map_err(JobError::retry)?;
    let now = cx.clock.now();
    let mut accepted: Vec<VerifiedEvent> = verified
        .into_iter()
        .filter(|event| is_welcome(event, now, &cx))
        .collect();
    if let Some(write_policy) = &cx.write_policy {
        accepted = judge(accepted, write_policy, now).await;
    }
    // An import may be large; events of clients wait for no more than one commit of it.
    let mut left = 0;
    while !accepted.is_empty() {
        let rest = accepted.split_off(accepted.len().min(cx.config.worker.batch_max));
        let committed = cx.batcher.save(accepted, attempt > 1).await;
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

fn is_welcome(event: &VerifiedEvent, now: u64, cx: &Context) -> bool {
    let case = Case::of(event, None, now);
    let refused = match policy::check(&case, &cx.config) {
        Err(reason) => reason.prefix.as_str(),
        // Its time has passed: those who listened then have heard it elsewhere.
        Ok(()) if event.kind.class() == KindClass::Ephemeral => "ephemeral",
        Ok(()) => return true,
    };
    metrics::imported(refused);
    false
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
        Err(SaveFailed::Away | SaveFailed::Unstorable) => "error",
    }
}

fn verify(job: Import) -> Vec<VerifiedEvent> {
    let verify = |json: &str| -> Result<VerifiedEvent, Box<dyn std::error::Error>> {
        Ok(VerifiedEvent::verify(serde_json::from_str::<Event>(json)?)?)
    };
    let mut verified = Vec::with_capacity(job.events.len());
    for json in job.events {
        match verify(json.get()) {
            Ok(event) => verified.push(event),
            Err(error) => {
                metrics::imported("invalid");
                debug!(%error, "an imported event is not valid");
            }
        }
    }
    verified
}
