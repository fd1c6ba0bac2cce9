//! COUNT ([NIP-45](https://nips.nostr.com/45)). Running twice answers twice; relay-ws drops the second.

use apalis::prelude::Data;
use pubsub::Reply;
use queue::{Delivery, JobError, jobs::CountRequest};
use tokio::time::Instant;
use tracing::warn;

use crate::{
    context::{Context, connection},
    metrics, policy,
};

/// Handles a job of `nostr:count`.
pub async fn count_request(delivery: Delivery<CountRequest>, cx: Data<Context>) -> Result<(), JobError> {
    let CountRequest {
        subscription,
        generation,
        client,
        filters,
        ..
    } = delivery.job;
    let (connection, attempt) = (connection(&delivery.job.connection)?, delivery.attempt);
    let closed = |reason: String| Reply::Closed {
        connection,
        subscription: subscription.clone(),
        generation,
        reason,
    };
    if let Err(reason) = policy::min_level(&client, cx.config.auth.min_level_count) {
        return cx
            .reply(connection.process(), [closed(reason.to_string())], attempt)
            .await;
    }
    let began = Instant::now();
    let counted = cx.store.count(&filters, cx.clock.now()).await;
    metrics::count(began.elapsed());
    match counted {
        Ok(count) => {
            let result = serde_json::json!({ "count": count }).to_string();
            let reply = Reply::Count {
                connection,
                subscription: subscription.clone(),
                generation,
                result,
            };
            cx.reply(connection.process(), [reply], attempt).await
        }
        Err(error) if error.is_timeout() => {
            let reason = "error: the count took too long, narrow its filters".to_owned();
            cx.reply(connection.process(), [closed(reason)], attempt).await
        }
        Err(error) => {
            if delivery.is_last {
                warn!(%error, source = ?std::error::Error::source(&error), "a count failed for the last time");
                cx.reply(
                    connection.process(),
                    [closed("error: could not count events".to_owned())],
                    attempt,
                )
                .await?;
            }
            Err(JobError::retry(error))
        }
    }
}
