//! COUNT ([NIP-45](https://nips.nostr.com/45)). Running twice answers twice; relay-ws drops the second.

use apalis::prelude::Data;
use protocol::{Filter, Reader};
use pubsub::Reply;
use queue::{Delivery, JobError, jobs::CountRequest};
use serde_json::{Value, json};
use store::{Store, StoreError};
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
    if let Err(reason) = policy::may_ask(&client, &filters, cx.config.auth.min_level_count, &cx.config) {
        return cx
            .reply(connection.process(), [closed(reason.to_string())], attempt)
            .await;
    }
    let began = Instant::now();
    let store = cx.store.as_of(delivery.seen);
    let counted = count(&filters, &cx.reader(&client), &store, &cx).await;
    metrics::count(began.elapsed());
    match counted {
        Ok(result) => {
            let reply = Reply::Count {
                connection,
                subscription: subscription.clone(),
                generation,
                result: result.to_string(),
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

/// The object of the answer: exact, unless that would cost more than the operator wants. One filter with a tag gets the
/// registers of its authors, too.
async fn count(
    filters: &[Filter],
    reader: &Reader<'_>,
    store: &Store,
    cx: &Context,
) -> Result<Value, StoreError> {
    let now = cx.clock.now();
    let max_cost = cx.config.limits.count_max_cost;
    if max_cost > 0 && may_be_estimated(filters, reader) {
        let estimate = store.estimate(filters, reader, now).await?;
        if estimate.cost > max_cost as f64 {
            return Ok(json!({ "count": estimate.count, "approximate": true }));
        }
    }
    if let [filter] = filters
        && let Some(offset) = filter.hll_offset()
    {
        let counted = store.count_authors(filter, offset, reader, now).await?;
        return Ok(json!({ "count": counted.count, "hll": counted.hll.to_string() }));
    }
    Ok(json!({ "count": store.count(filters, reader, now).await? }))
}

/// Postgres's statistics know how often an author or a tag comes in messages that are kept from the reader, too: an estimate would
/// tell how many somebody gets.
fn may_be_estimated(filters: &[Filter], reader: &Reader<'_>) -> bool {
    let names_nobody = |filter: &Filter| filter.authors.is_none() && filter.tags.is_empty();
    reader.private_kinds().is_empty() || filters.iter().all(names_nobody)
}
