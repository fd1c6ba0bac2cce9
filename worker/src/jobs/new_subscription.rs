//! REQ: the stored events, in pages. Running twice sends the same again; relay-ws drops what it has sent.

use std::time::Duration;

use apalis::prelude::Data;
use protocol::{EventId, Filter, Hint, Kind, Reader, Reason};
use pubsub::{ConnectionId, PageHeader, PageWriter, Reply};
use queue::{
    Delivery, JobError,
    jobs::{NewSearch, NewSubscription},
};
use store::{Found, Rest, StoreError, StoredEvent};
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::{
    context::{Context, connection, was_heard},
    membership, metrics, policy,
};

/// Handles a job of `nostr:req`.
pub async fn new_subscription(
    delivery: Delivery<NewSubscription>,
    cx: Data<Context>,
) -> Result<(), JobError> {
    let job = &delivery.job;
    let asking = connection(&job.connection)?;
    let deadline = Duration::from_secs(cx.config.websocket.req_deadline_s.into());
    if delivery.enqueued.elapsed() > deadline {
        debug!("nobody waits for this REQ any more");
        return Ok(());
    }
    if let Err(reason) = policy::may_ask(
        &job.client,
        &job.filters,
        cx.config.auth.min_level_req,
        &cx.config,
    ) {
        return close(asking, &delivery, reason.to_string(), &cx).await;
    }
    if let Err(reason) = may_invite(job, &cx) {
        return close(asking, &delivery, reason.to_string(), &cx).await;
    }
    let began = Instant::now();
    let found = find(&delivery, &cx).await;
    metrics::query(began.elapsed());
    match found {
        Ok(found) => send(asking, &delivery, &found, &cx).await,
        Err(error) => refuse(asking, &delivery, error, &cx).await,
    }
}

/// Who asks for nothing but an invitation (NIP-43) is told that he gets none.
fn may_invite(job: &NewSubscription, cx: &Context) -> Result<(), Reason> {
    let asks_for_nothing_else = |filter: &Filter| filter.kinds.as_deref() == Some(&[Kind::INVITATION.0][..]);
    if cx.membership.is_some() && job.filters.iter().all(asks_for_nothing_else) {
        return policy::min_level(&job.client, cx.config.membership.invite_level);
    }
    Ok(())
}

/// What is stored, and an invitation that is made for the occasion.
async fn find(delivery: &Delivery<NewSubscription>, cx: &Context) -> Result<Found, StoreError> {
    let (job, store) = (&delivery.job, cx.store.as_of(delivery.seen));
    let reader = cx.reader(&job.client);
    let mut found = store.query(&job.filters, &reader, cx.clock.now()).await?;
    if found.rest == Rest::Nothing && !job.filters.iter().all(|filter| is_whole(filter, &reader, &found)) {
        // It may be said that nothing is left where nothing was kept back; not that something was.
        found.rest = Rest::Unknown;
    }
    if let Some(event) = membership::invitation(&job.filters, &job.client, cx).await? {
        let invitation = StoredEvent {
            id: event.id(),
            created_at: event.created_at,
            json: event.into_json().into(),
        };
        found.events.insert(0, invitation);
    }
    Ok(found)
}

/// Whether the reader got all that the filter matches: nothing of it is kept from him, or every id that he named is here.
fn is_whole(filter: &Filter, reader: &Reader<'_>, found: &Found) -> bool {
    let are_here = |ids: &Vec<EventId>| {
        let named = found
            .events
            .iter()
            .filter(|event| ids.binary_search(&event.id).is_ok());
        named.count() == ids.len()
    };
    reader.sees_all(filter) || filter.ids.as_ref().is_some_and(are_here)
}

/// Handles a job of `nostr:search`: what takes long has workers of its own.
pub async fn new_search(delivery: Delivery<NewSearch>, cx: Data<Context>) -> Result<(), JobError> {
    new_subscription(delivery.map(|NewSearch(job)| job), cx).await
}

/// Sends what fits, newest first; a client that wants the rest asks for it with `until`.
async fn send(
    asking: ConnectionId,
    delivery: &Delivery<NewSubscription>,
    found: &Found,
    cx: &Context,
) -> Result<(), JobError> {
    let pages = pages(found, delivery.job.generation, cx.config.limits.max_reply_bytes);
    let subscription = delivery.job.subscription.as_str();
    // One after the other: they have to arrive in this order, and no more than one is on its way.
    for page in pages {
        let heard = cx
            .publisher
            .found_events(asking, subscription, page.finish())
            .await;
        was_heard(
            asking.process(),
            heard.map_err(JobError::retry)?,
            delivery.attempt,
        )?;
    }
    Ok(())
}

/// The last page makes the EOSE and says whether anything was left out.
fn pages(found: &Found, generation: u64, max_bytes: usize) -> Vec<PageWriter> {
    let header = PageHeader {
        generation,
        end: false,
        hint: None,
    };
    let empty =
        |rest: &[StoredEvent]| PageWriter::stored(header).with_room_for(rest.iter().map(|event| &event.json));
    let (mut pages, mut page) = (Vec::new(), empty(&found.events));
    let mut hint = match found.rest {
        Rest::Nothing => Some(Hint::Finish),
        Rest::Unknown => None,
        Rest::Event(_) => Some(Hint::More),
    };
    let mut bytes = 0;
    for (at, event) in found.events.iter().enumerate() {
        bytes += event.json.len();
        if bytes > max_bytes {
            hint = Some(Hint::More);
            break;
        }
        if page.is_full() {
            pages.push(std::mem::replace(&mut page, empty(&found.events[at..])));
        }
        page.push(&event.json);
    }
    page.set_header(PageHeader {
        end: true,
        hint,
        ..header
    });
    pages.push(page);
    pages
}

/// Tried again while there is hope, then said.
async fn refuse(
    asking: ConnectionId,
    delivery: &Delivery<NewSubscription>,
    error: StoreError,
    cx: &Context,
) -> Result<(), JobError> {
    if error.is_timeout() {
        debug!("a query took too long");
        let reason = "error: the query took too long, narrow its filters";
        return close(asking, delivery, reason.to_owned(), cx).await;
    }
    if delivery.is_last {
        let why = std::error::Error::source(&error).map(ToString::to_string);
        warn!(%error, why, "a query failed for the last time");
        let reason = "error: could not read stored events";
        close(asking, delivery, reason.to_owned(), cx).await?;
    }
    Err(JobError::retry(error))
}

async fn close(
    connection: ConnectionId,
    delivery: &Delivery<NewSubscription>,
    reason: String,
    cx: &Context,
) -> Result<(), JobError> {
    let closed = Reply::Closed {
        connection,
        subscription: delivery.job.subscription.clone(),
        generation: delivery.job.generation,
        reason,
    };
    cx.reply(connection.process(), [closed], delivery.attempt).await
}
