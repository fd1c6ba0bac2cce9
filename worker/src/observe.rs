//! Around every job: one span, and how long it took.

use apalis::prelude::Data;
use queue::{Delivery, Job, JobError};
use tokio::time::Instant;
use tracing::{Instrument, field::Empty, info_span};

use crate::{context::Context, metrics};

/// Runs a handler. What is logged on the way carries the queue, the attempt and, once it is known, the connection.
pub async fn observe<J: Job, F>(
    delivery: Delivery<J>,
    cx: Data<Context>,
    handler: impl FnOnce(Delivery<J>, Data<Context>) -> F,
) -> Result<(), JobError>
where
    F: Future<Output = Result<(), JobError>>,
{
    let span = info_span!(
        "job",
        queue = J::QUEUE.name(),
        attempt = delivery.attempt,
        enqueued_ms = delivery.enqueued_ms,
        connection = Empty,
    );
    let (began, enqueued) = (Instant::now(), delivery.enqueued);
    let result = handler(delivery, cx).instrument(span).await;
    metrics::job(J::QUEUE, began.elapsed(), enqueued.elapsed());
    result
}
