//! The table of queues: which job is handled by whom, and how many at a time.

use apalis::prelude::{Data, Monitor, WorkerBuilder, WorkerBuilderExt};
use pubsub::{Keys, ProcessId};
use queue::{
    Delivery, Job, Queue, Readers, StreamBackend, StreamConfig,
    jobs::{
        AuthorizationRequest, CountRequest, Import, Maintenance, ManagementCall, NewEvents, NewSearch,
        NewSubscription, Reconcile,
    },
};
use runtime::redis::{self, RedisClient, RedisError};
use tokio_util::sync::CancellationToken;

use crate::{context::Context, jobs, observe::observe};

/// Registers the handler of a job: `register!(monitor, workers, NewEvents => jobs::new_event)`.
macro_rules! register {
    ($monitor:expr, $workers:expr, $($job:ty => $handler:expr),* $(,)?) => {{
        let mut monitor = $monitor;
        $({
            let (cx, config) = ($workers.cx.clone(), $workers.config(<$job>::QUEUE));
            let leaving = $workers.leaving.clone();
            let blocking = $workers.blocking(<$job>::QUEUE).await?;
            monitor = monitor.register(move |_restart| {
                let backend = StreamBackend::<$job>::new(&cx.producer, blocking.clone(), config.clone(), &leaving);
                WorkerBuilder::new(config.consumer.as_str())
                    .backend(backend)
                    .data(cx.clone())
                    .concurrency(config.concurrency)
                    .catch_panic()
                    .build(|job: Delivery<$job>, cx: Data<Context>| observe(job, cx, $handler))
            });
        })*
        monitor
    }};
}

/// All workers of the process `name`. `leaving` is cancelled when they are told to stop.
pub async fn monitor(
    cx: Context,
    name: ProcessId,
    leaving: CancellationToken,
) -> Result<Monitor, RedisError> {
    let workers = Workers { cx, name, leaving };
    Ok(register!(Monitor::new(), workers,
        NewEvents => jobs::new_event,
        NewSubscription => jobs::new_subscription,
        NewSearch => jobs::new_search,
        CountRequest => jobs::count_request,
        Reconcile => jobs::reconcile,
        AuthorizationRequest => jobs::authorization_request,
        Import => jobs::import,
        ManagementCall => jobs::management_call,
        Maintenance => jobs::maintenance,
    ))
}

struct Workers {
    cx: Context,
    /// Tells the consumers of this process from those of others.
    name: ProcessId,
    leaving: CancellationToken,
}

impl Workers {
    fn config(&self, queue: Queue) -> StreamConfig {
        let (worker, limits) = (&self.cx.config.worker, &self.cx.config.queue);
        StreamConfig {
            consumer: format!("{}:{}", queue.name(), self.name),
            readers: match queue {
                // Batches are committed one after the other anyway, and an event costs less when they all come from one worker. An
                // operator's program is another matter: each worker has one, and they judge side by side.
                Queue::Event if !self.cx.config.write_policy.is_on() => Readers::OneAtATime,
                _ => Readers::All,
            },
            watched: self.watched(queue),
            concurrency: match queue {
                Queue::Event => worker.event_concurrency,
                Queue::Req => worker.req_concurrency,
                Queue::Count => worker.count_concurrency,
                Queue::Negentropy => worker.negentropy_concurrency,
                Queue::Search => worker.search_concurrency,
                Queue::Auth => worker.auth_concurrency,
                Queue::Import => worker.import_concurrency,
                // Operators are few; one at a time, so that a change is seen by the next.
                Queue::Management => 1,
                Queue::Maintenance => worker.maintenance_concurrency,
            },
            takeover: limits.takeover(),
            max_attempts: limits.max_attempts,
            max_dead: limits.max_dead,
        }
    }

    /// Questions are answered from memory while nothing has changed. Only where jobs and changes go through one Redis is it certain
    /// what came first.
    fn watched(&self, queue: Queue) -> Option<String> {
        let redis = &self.cx.config.redis;
        let is_one = redis.jobs() == redis.pubsub();
        (is_one && matches!(queue, Queue::Req | Queue::Count))
            .then(|| Keys::new(redis.namespace.clone()).last_change())
    }

    /// A blocking read holds its connection: each queue has one.
    async fn blocking(&self, queue: Queue) -> Result<RedisClient, RedisError> {
        redis::connect_blocking(
            self.cx.config.redis.jobs(),
            &format!("worker:{}:{}", self.name, queue.name()),
        )
        .await
    }
}
