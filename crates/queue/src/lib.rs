//! From relay-ws to the workers: jobs, their queues, and how they get through whatever dies on the way.
//!
//! A queue is a Redis Stream with one consumer group. [`Producer`] appends; a [`StreamBackend`] hands jobs to an apalis
//! worker and settles them. A job that is taken is vouched for while it waits and runs; when its worker falls silent,
//! another one takes it over. So a job may run twice, and its handler must be able to bear that.

mod acknowledge;
mod backend;
mod consumer;
mod consumers;
mod dead_letters;
mod delivery;
mod depth;
mod error;
mod held;
mod job;
pub mod jobs;
mod producer;
mod queue_name;
mod schedule;
mod settle;
mod stream;

pub use backend::{StreamBackend, StreamConfig};
pub use dead_letters::DeadLetter;
pub use delivery::{Delivery, JobError};
pub use depth::Depth;
pub use error::QueueError;
pub use job::Job;
pub use producer::Producer;
pub use queue_name::Queue;
pub use schedule::Schedule;
pub use settle::SettleLayer;
