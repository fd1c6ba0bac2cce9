//! Events from elsewhere: checked as if a client had sent them. Running twice finds duplicates.

use apalis::prelude::Data;
use metrics::counter;
use protocol::{Event, KindClass, VerifiedEvent};
use queue::{Delivery, JobError, jobs::Import};
use tokio::task::spawn_blocking;
use tracing::debug;

use crate::{
    context::Context,
    policy::{self, Case},
};

/// Handles a job of `nostr:import`. What is refused is counted; there is nobody to tell.
pub async fn import(delivery: Delivery<Import>, cx: Data<Context>) -> Result<(), JobError> {
    let attempt = delivery.attempt;
    let verified = spawn_blocking(move || verify(delivery.job))
        .await
        .map_err(JobError::retry)?;
    let now = cx.clock.now();
    let accepted: Vec<VerifiedEvent> = verified
        .into_iter()
        .filter(|event| event.kind.class() != KindClass::Ephemeral)
        .filter(|event| {
            let case = Case {
                event: event.event(),
                client: None,
                now,
            };
            let verdict = policy::check(&case, &cx.config.policy, &cx.config.auth);
            if let Err(reason) = &verdict {
                counter!("worker_imported_total", "outcome" => reason.prefix.as_str()).increment(1);
            }
            verdict.is_ok()
        })
        .collect();
    if accepted.is_empty() {
        return Ok(());
    }
    for outcome in cx.batcher.save(accepted, attempt > 1).await {
        outcome.map_err(JobError::retry)?;
        counter!("worker_imported_total", "outcome" => "saved").increment(1);
    }
    Ok(())
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
                counter!("worker_imported_total", "outcome" => "invalid").increment(1);
                debug!(%error, "an imported event is not valid");
            }
        }
    }
    verified
}
