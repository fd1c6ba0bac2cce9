//! REQ: the stored events, in pages. Running twice sends the same again; relay-ws drops what it has sent.

use apalis::prelude::Data;
use metrics::histogram;
use protocol::Hint;
use pubsub::{ConnectionId, PageHeader, PageWriter, Reply};
use queue::{Delivery, JobError, jobs::NewSubscription};
use store::{Found, StoreError};
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::{
    context::{Context, connection},
    policy,
};

/// Handles a job of `nostr:req`.
pub async fn new_subscription(
    delivery: Delivery<NewSubscription>,
    cx: Data<Context>,
) -> Result<(), JobError> {
    let job = &delivery.job;
    let asking = connection(&job.connection)?;
    let deadline_ms = u64::from(cx.config.websocket.req_deadline_s) * 1000;
    if delivery.enqueued_ms + deadline_ms < runtime::clock::unix_millis() {
        debug!(connection = %asking, "nobody waits for this REQ any more");
        return Ok(());
    }
    if let Err(reason) = policy::min_level(&job.client, cx.config.auth.min_level_req) {
        return close(asking, job, reason.to_string(), &cx).await;
    }
    let began = Instant::now();
    let found = cx.store.query(&job.filters, cx.clock.now()).await;
    histogram!("worker_query_seconds").record(began.elapsed().as_secs_f64());
    match found {
        Ok(found) => send(asking, job, &found, &cx).await,
        Err(error) => refuse(asking, &delivery, error, &cx).await,
    }
}

async fn send(
    asking: ConnectionId,
    job: &NewSubscription,
    found: &Found,
    cx: &Context,
) -> Result<(), JobError> {
    let header = PageHeader {
        generation: job.generation,
        end: false,
        hint: None,
    };
    let most = cx.config.limits.max_reply_bytes;
    let mut bytes = 0;
    // The newest events that fit; a client that wants the rest asks for it with `until`.
    let fitting = found.events.iter().take_while(|event| {
        bytes += event.json.len();
        bytes <= most
    });
    let (mut pages, mut page, mut sent) = (Vec::new(), PageWriter::stored(header), 0);
    for event in fitting {
        if page.is_full() {
            pages.push(std::mem::replace(&mut page, PageWriter::stored(header)));
        }
        page.push_bytes(&event.json).map_err(JobError::abort)?;
        sent += 1;
    }
    let complete = found.complete && sent == found.events.len();
    let hint = Some(if complete { Hint::Finish } else { Hint::More });
    page.set_header(PageHeader {
        end: true,
        hint,
        ..header
    });
    pages.push(page);
    for page in pages {
        let sent = cx
            .publisher
            .found_events(asking, job.subscription.as_str(), page.finish())
            .await;
        sent.map_err(JobError::retry)?;
    }
    Ok(())
}

/// Tried again while there is hope, then said.
async fn refuse(
    asking: ConnectionId,
    delivery: &Delivery<NewSubscription>,
    error: StoreError,
    cx: &Context,
) -> Result<(), JobError> {
    if error.is_timeout() {
        debug!(connection = %asking, "a query took too long");
        return close(
            asking,
            &delivery.job,
            "error: the query took too long, narrow its filters".to_owned(),
            cx,
        )
        .await;
    }
    if delivery.is_last {
        warn!(%error, source = ?std::error::Error::source(&error), "a query failed for the last time");
        close(
            asking,
            &delivery.job,
            "error: could not read stored events".to_owned(),
            cx,
        )
        .await?;
    }
    Err(JobError::retry(error))
}

async fn close(
    connection: ConnectionId,
    job: &NewSubscription,
    reason: String,
    cx: &Context,
) -> Result<(), JobError> {
    let (subscription, generation) = (job.subscription.clone(), job.generation);
    cx.reply(
        connection.process(),
        [Reply::Closed {
            connection,
            subscription,
            generation,
            reason,
        }],
    )
    .await
}
