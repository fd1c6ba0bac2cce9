//! NEG-OPEN and NEG-MSG ([NIP-77](https://nips.nostr.com/77)): one message in, one out. Running twice answers twice; relay-ws
//! drops the second.

use std::time::Duration;

use apalis::prelude::Data;
use protocol::NegentropyMessage;
use pubsub::{ConnectionId, Reply};
use queue::{Delivery, JobError, jobs::Reconcile};
use store::StoreError;
use tokio::{task::spawn_blocking, time::Instant};
use tracing::{debug, warn};

use crate::{
    context::{Context, connection},
    metrics, policy, reconciliation,
};

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
    let (said, most) = (job.message.clone(), cx.config.limits.max_message_length);
    let answered = spawn_blocking(move || reconciliation::answer(&set.records, &said, most))
        .await
        .map_err(JobError::retry)?;
    metrics::reconciled(began.elapsed());
    match answered {
        Ok(message) => answer.say(message).await,
        Err(error) => answer.refuse(format!("invalid: {error}"), None).await,
    }
}

struct Answer<'a> {
    connection: ConnectionId,
    delivery: &'a Delivery<Reconcile>,
    cx: &'a Context,
}

impl Answer<'_> {
    async fn say(&self, message: NegentropyMessage) -> Result<(), JobError> {
        let job = &self.delivery.job;
        self.send(Reply::NegMsg {
            connection: self.connection,
            subscription: job.subscription.clone(),
            generation: job.generation,
            message,
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
