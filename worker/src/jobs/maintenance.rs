//! What recurs. Every task may run twice.

use std::time::{Duration, Instant};

use apalis::prelude::Data;
use pubsub::{Address, PageWriter, ProcessId};
use queue::{
    Delivery, JobError, Queue,
    jobs::{Maintenance, Task},
};
use tracing::{info, warn};

use crate::{
    context::Context,
    levels, membership,
    metrics::{self, Removed},
    vanish,
};

/// Events that are sent again at most to a relay-ws process that missed some.
const CATCH_UP: u32 = 10_000;

/// Bytes of these: they are in memory together.
const CATCH_UP_BYTES: u32 = 32 * 1024 * 1024;

/// Steps of one run; what is left then is for the next.
const STEPS: u32 = 100;

/// Events of one transaction that makes them searchable: its last moment keeps others from being stored.
const SEARCHABLE_STEP: u32 = 250;

/// How long one run makes events searchable, of the second until the next.
const SEARCHABLE_FOR: Duration = Duration::from_millis(500);

/// The same while new events wait for their OK, which goes first. It is still 2,000 events or more.
const SEARCHABLE_FOR_WHEN_BUSY: Duration = Duration::from_millis(50);

/// A job with new events that is as old as that waits for others. One alone takes two milliseconds. How many there are tells
/// little: in the middle of a flood they are few when each has many events.
const BUSY: Duration = Duration::from_millis(10);

/// A consumer without jobs that was silent for a minute belonged to a worker that is gone.
const CONSUMER_SILENCE_MS: u64 = 60_000;

/// Handles a job of `maintenance`.
pub async fn maintenance(delivery: Delivery<Maintenance>, cx: Data<Context>) -> Result<(), JobError> {
    match delivery.job.task {
        Task::ExpiredEvents => expired_events(&cx).await,
        Task::VanishedEvents => vanished_events(&cx).await,
        Task::DeadConnections => {
            let removed = cx
                .upkeep
                .remove_dead_connections()
                .await
                .map_err(JobError::retry)?;
            metrics::removed(Removed::DeadConnections, removed as u64);
            if removed > 0 {
                warn!(removed, "removed connections of processes that died");
            }
            Ok(())
        }
        Task::RateLimitKeys => {
            let removed = cx
                .upkeep
                .expire_address_counters()
                .await
                .map_err(JobError::retry)?;
            metrics::removed(Removed::EndlessCounters, removed as u64);
            Ok(())
        }
        Task::DeadConsumers => {
            let removed = cx
                .producer
                .remove_dead_consumers(CONSUMER_SILENCE_MS)
                .await
                .map_err(JobError::retry)?;
            metrics::removed(Removed::DeadConsumers, removed);
            Ok(())
        }
        Task::LapsedSubscriptions => levels::tell_of_lapsed(&cx).await.map_err(JobError::retry),
        Task::MemberList => member_list(&cx).await,
        Task::SearchableEvents => searchable_events(&cx).await,
        Task::BannedEvents => banned_events(&cx).await,
        Task::CatchUp { process, after } => catch_up(&process, after, &cx).await,
    }
}

async fn expired_events(cx: &Context) -> Result<(), JobError> {
    let batch = cx.config.worker.maintenance_batch;
    for _ in 0..STEPS {
        let removed = cx
            .store
            .remove_expired(cx.clock.now(), batch)
            .await
            .map_err(JobError::retry)?;
        cx.removed(Removed::ExpiredEvents, removed).await;
        if removed < u64::from(batch) {
            break;
        }
    }
    forget_removals(cx).await
}

async fn vanished_events(cx: &Context) -> Result<(), JobError> {
    let stored = vanish::remove(vanish::STEPS_OF_JOB, cx).await;
    let removed = vanish::dead_letters::forget(cx).await?;
    metrics::removed(Removed::VanishedEvents, removed);
    stored.map_err(JobError::retry)
}

/// Members may come and go without us: an operator, or a job that died after it had let somebody in.
async fn member_list(cx: &Context) -> Result<(), JobError> {
    if cx.membership.is_some() {
        cx.store.forget_invites().await.map_err(JobError::retry)?;
        membership::publish_list(cx).await.map_err(JobError::retry)?;
    }
    Ok(())
}

async fn banned_events(cx: &Context) -> Result<(), JobError> {
    let batch = cx.config.worker.maintenance_batch;
    for _ in 0..STEPS {
        let removed = cx.store.remove_banned(batch).await.map_err(JobError::retry)?;
        cx.removed(Removed::BannedEvents, removed).await;
        if removed < u64::from(batch) {
            break;
        }
    }
    Ok(())
}

/// Half of the time at most, so that a backlog leaves Postgres and this queue to others.
async fn searchable_events(cx: &Context) -> Result<(), JobError> {
    let began = Instant::now();
    while began.elapsed() < SEARCHABLE_FOR {
        if began.elapsed() >= SEARCHABLE_FOR_WHEN_BUSY && new_events_wait(cx).await? {
            break;
        }
        let followed = cx
            .store
            .follow_search(SEARCHABLE_STEP)
            .await
            .map_err(JobError::retry)?;
        metrics::searchable(followed.searchable);
        if followed.events < SEARCHABLE_STEP as usize {
            break;
        }
    }
    Ok(())
}

async fn new_events_wait(cx: &Context) -> Result<bool, JobError> {
    let oldest = cx.producer.oldest_held(Queue::Event).await;
    Ok(oldest.map_err(JobError::retry)?.is_some_and(|age| age >= BUSY))
}

/// What was removed so long ago that no worker has it in memory.
async fn forget_removals(cx: &Context) -> Result<(), JobError> {
    let batch = cx.config.worker.maintenance_batch;
    for _ in 0..STEPS {
        let dropped = cx.store.forget_removals(batch).await.map_err(JobError::retry)?;
        if dropped < u64::from(batch) {
            break;
        }
    }
    Ok(())
}

/// A relay-ws process lost its connection to pub/sub: it gets the newest events once more, and drops what it knows.
async fn catch_up(process: &str, after: i64, cx: &Context) -> Result<(), JobError> {
    let process: ProcessId = process.parse().map_err(JobError::abort)?;
    let accepted = cx
        .store
        .accepted_after(after, CATCH_UP, CATCH_UP_BYTES)
        .await
        .map_err(JobError::retry)?;
    info!(%process, events = accepted.len(), "sending new events again");
    let Some(last) = accepted.last() else {
        return Ok(());
    };
    let mut page = PageWriter::live(Some(last.seq));
    for event in &accepted {
        if page.is_full() {
            let full = std::mem::replace(&mut page, PageWriter::live(Some(last.seq)));
            cx.publisher
                .new_events(Address::Process(process), full.finish())
                .await
                .map_err(JobError::retry)?;
        }
        page.push(&event.json);
    }
    cx.publisher
        .new_events(Address::Process(process), page.finish())
        .await
        .map_err(JobError::retry)?;
    Ok(())
}
