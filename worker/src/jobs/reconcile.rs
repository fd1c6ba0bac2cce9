//! NEG-OPEN and NEG-MSG ([NIP-77](https://nips.nostr.com/77)): one message in, one out. Running twice answers twice; relay-ws
//! drops the second.

use std::{sync::Arc, time::Duration};

use apalis::prelude::Data;
use negentropy::{Bound, Error, Id, Item, Negentropy, NegentropyStorageBase};
use protocol::NegentropyMessage;
use pubsub::{ConnectionId, Reply};
use queue::{Delivery, JobError, jobs::Reconcile};
use store::{RecordSet, StoreError};
use tokio::{task::spawn_blocking, time::Instant};
use tracing::{debug, warn};

use crate::{
    context::{Context, connection},
    metrics, policy,
};

/// Smallest frame that the protocol knows.
const MIN_FRAME: usize = 4096;

/// Handles a job of `nostr:negentropy`.
pub async fn reconcile(delivery: Delivery<Reconcile>, cx: Data<Context>) -> Result<(), JobError> {
    let job = &delivery.job;
    let answer = Answer {
        connection: connection(&job.connection)?,
        delivery: &delivery,
        cx: &cx,
    };
    let deadline = Duration::from_secs(cx.config.websocket.negentropy_deadline_s.into());
    if delivery.enqueued.elapsed() > deadline {
        debug!("nobody waits for this message any more");
        return Ok(());
    }
    if let Err(reason) = policy::may_ask(
        &job.client,
        std::slice::from_ref(&job.filter),
        cx.config.auth.min_level_req,
        &cx.config,
    ) {
        return answer.refuse(reason.to_string(), None).await;
    }
    let began = Instant::now();
    let reader = cx.reader(&job.client);
    let set = match cx.sets.of(&job.filter, &reader, job.opens, cx.clock.now()).await {
        Ok(Some(set)) => set,
        Ok(None) => {
            let most = cx.config.limits.max_reconciled_events;
            let reason = format!("blocked: this filter matches more than {most} events, narrow it");
            return answer.refuse(reason, Some(most.into())).await;
        }
        Err(error) => return answer.failed(error).await,
    };
    let (query, frame) = (
        job.message.to_bytes(),
        frame_bytes(cx.config.limits.max_message_length),
    );
    let answered = spawn_blocking(move || Negentropy::owned(Records(set), frame)?.reconcile(&query))
        .await
        .map_err(JobError::retry)?;
    metrics::reconciled(began.elapsed());
    match answered {
        Ok(message) => answer.say(&message).await,
        Err(error) => answer.refuse(format!("invalid: {error}"), None).await,
    }
}

/// What clients may send they can take: in hex, with some JSON around it.
fn frame_bytes(max_message_length: usize) -> u64 {
    (max_message_length / 2).saturating_sub(256).max(MIN_FRAME) as u64
}

struct Answer<'a> {
    connection: ConnectionId,
    delivery: &'a Delivery<Reconcile>,
    cx: &'a Context,
}

impl Answer<'_> {
    async fn say(&self, message: &[u8]) -> Result<(), JobError> {
        let job = &self.delivery.job;
        self.send(Reply::NegMsg {
            connection: self.connection,
            subscription: job.subscription.clone(),
            generation: job.generation,
            message: NegentropyMessage::from_bytes(message),
        })
        .await
    }

    async fn refuse(&self, reason: String, most: Option<u64>) -> Result<(), JobError> {
        let job = &self.delivery.job;
        self.send(Reply::NegErr {
            connection: self.connection,
            subscription: job.subscription.clone(),
            generation: job.generation,
            reason,
            most,
        })
        .await
    }

    /// Tried again while there is hope, then said.
    async fn failed(&self, error: StoreError) -> Result<(), JobError> {
        if error.is_timeout() {
            debug!("a set took too long");
            let reason = "blocked: this filter takes too long, narrow it".to_owned();
            return self.refuse(reason, None).await;
        }
        if self.delivery.is_last {
            let why = std::error::Error::source(&error).map(ToString::to_string);
            warn!(%error, why, "a set could not be read for the last time");
            self.refuse("error: could not read the set".to_owned(), None)
                .await?;
        }
        Err(JobError::retry(error))
    }

    async fn send(&self, reply: Reply) -> Result<(), JobError> {
        let (process, attempt) = (self.connection.process(), self.delivery.attempt);
        self.cx.reply(process, [reply], attempt).await
    }
}

/// A set as the library reads it.
struct Records(Arc<RecordSet>);

impl Records {
    fn item(&self, at: usize) -> Option<Item> {
        let record = self.0.records.get(at)?;
        let id = Id::from_byte_array(*record.id.as_bytes());
        Some(Item::with_timestamp_and_id(record.created_at, id))
    }
}

impl NegentropyStorageBase for Records {
    fn size(&self) -> Result<usize, Error> {
        Ok(self.0.records.len())
    }

    fn get_item(&self, at: usize) -> Result<Option<Item>, Error> {
        Ok(self.item(at))
    }

    fn iterate(
        &self,
        begin: usize,
        end: usize,
        each: &mut dyn FnMut(Item, usize) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        if begin > end || end > self.0.records.len() {
            return Err(Error::BadRange);
        }
        for at in begin..end {
            let Some(item) = self.item(at) else { break };
            if !each(item, at)? {
                break;
            }
        }
        Ok(())
    }

    fn find_lower_bound(&self, first: usize, last: usize, value: &Bound) -> usize {
        let records = self.0.records.get(first..last).unwrap_or_default();
        let bound = (value.item.timestamp, value.item.id.as_bytes());
        first + records.partition_point(|record| (record.created_at, record.id.as_bytes()) < bound)
    }
}
