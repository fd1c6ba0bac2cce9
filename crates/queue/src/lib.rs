//! From relay-ws to the workers: jobs, their queues, and how they get through whatever dies on the way.
//!
//! In comes a [`Job`] by [`Producer::push`]; out it goes as a [`Delivery`] to the handler of an apalis worker that is built
//! on a [`StreamBackend`]. A queue is a Redis Stream with one consumer group, so the order is that of enqueueing, nobody
//! polls for jobs, and what is done is gone.
//!
//! # What is promised
//!
//! * **At least once.** A job that is taken is vouched for, three times in [`StreamConfig::takeover`], until it is settled. When
//!   its worker falls silent that long, another worker takes it over, within half a second more. So a job may run
//!   twice, and its handler must be able to bear that.
//! * **Not for ever.** [`JobError`] says whether another attempt makes sense; it comes after [`StreamConfig::takeover`]. After
//!   [`StreamConfig::max_attempts`], or at once when it is hopeless or cannot be read, a job becomes a [`DeadLetter`].
//!   Attempts are deliveries, so a job that kills its workers ends there too. Jobs that such a worker held beside it have
//!   lost an attempt as well.
//! * **Fair.** A worker takes what it can run and at most a quarter more ([`StreamConfig::concurrency`]); the rest is left to
//!   others. When it stops, what has not begun goes back at once and without loss of an attempt; what runs is finished.
//! * **Together.** Where jobs are cheaper together, one worker at a time takes the new ones ([`Readers::OneAtATime`]).
//! * **Redis may go away.** Connections come back by themselves, a stream that was deleted is made anew. An answer that was
//!   lost on the way costs [`StreamConfig::takeover`], not the job.
//!
//! # Keys
//!
//! Each starts with the configured namespace. `<name>` is [`Queue::name`].
//!
//! | key | type | what |
//! | --- | --- | --- |
//! | `queue:<name>` | STREAM, group `workers` | one entry a job, field `job`: JSON. Ids begin with the time of enqueueing in unix milliseconds |
//! | `queue:<name>:dead` | STREAM | given up: fields `job`, `error`, `attempts`, `id` (that of the job); ids begin with the time of giving up |
//! | `queue:<name>:errors` | HASH by job, expires | why its last attempt failed; kept until it is done or dead |
//! | `queue:<name>:reader` | STRING, expires | where one worker at a time reads: which consumer |
//! | `schedule:<job>` | STRING, expires | a recurring job was enqueued in this interval |
//!
//! # A worker
//!
//! ```no_run
//! use apalis::prelude::{WorkerBuilder, WorkerBuilderExt};
//! use queue::{Delivery, Job, JobError, Producer, Queue, Readers, StreamBackend, StreamConfig};
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct Greeting { to: String }
//!
//! impl Job for Greeting {
//!     const QUEUE: Queue = Queue::Import;
//! }
//!
//! async fn greet(delivery: Delivery<Greeting>) -> Result<(), JobError> {
//!     if delivery.job.to.is_empty() {
//!         return Err(JobError::abort("nobody to greet"));
//!     }
//!     Ok(())
//! }
//!
//! # async fn run(client: fred::clients::Client, blocking: fred::clients::Client) -> Result<(), Box<dyn std::error::Error>> {
//! let producer = Producer::new(client, "");
//! producer.push(&Greeting { to: "all".to_owned() }).await?;
//!
//! let config = StreamConfig {
//!     consumer: "greeter-1".to_owned(),
//!     readers: Readers::All,
//!     watched: None,
//!     concurrency: 8,
//!     takeover: std::time::Duration::from_secs(3),
//!     max_attempts: 5,
//!     max_dead: 10_000,
//! };
//! let leaving = tokio_util::sync::CancellationToken::new();
//! WorkerBuilder::new("greeter-1")
//!     .backend(StreamBackend::<Greeting>::new(&producer, blocking, config, &leaving))
//!     .concurrency(8)
//!     .catch_panic()
//!     .build(greet)
//!     .run_until(async move {
//!         leaving.cancelled().await;
//!         Ok::<_, apalis::prelude::WorkerError>(())
//!     })
//!     .await?;
//! # Ok(())
//! # }
//! ```

mod acknowledge;
mod backend;
mod consumer;
mod consumers;
mod dead_letters;
mod delivery;
mod depth;
mod error;
mod held;
mod inspect;
mod job;
pub mod jobs;
mod producer;
mod queue_name;
mod schedule;
mod server_clock;
mod settle;
mod stream;

pub use backend::{Readers, StreamBackend, StreamConfig};
pub use dead_letters::DeadLetter;
pub use delivery::{Delivery, JobError};
pub use depth::Depth;
pub use error::QueueError;
pub use inspect::{ConsumerInfo, Holder, QueuedJob};
pub use job::Job;
pub use producer::Producer;
pub use queue_name::Queue;
pub use schedule::Schedule;
pub use settle::SettleLayer;
