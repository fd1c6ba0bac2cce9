//! A job as a handler gets it, and what the handler says of it.

use tokio::time::Instant;

/// A job in the hands of a worker.
#[derive(Debug, Clone)]
pub struct Delivery<J> {
    /// The job.
    pub job: J,
    /// 1 for the first time; more when it failed or its worker fell silent.
    pub attempt: u32,
    /// Whether there will be no further attempt.
    pub is_last: bool,
    /// When it was enqueued, unix milliseconds by the clock of Redis.
    pub enqueued_ms: u64,
    /// The same by our own clock, whatever the difference.
    pub enqueued: Instant,
    /// What stood at [`StreamConfig::watched`](crate::StreamConfig::watched) when the job was read, or some time after it was enqueued.
    /// `None` when nothing is watched, no number stood there, or the job was taken over.
    pub seen: Option<u64>,
}

impl<J> Delivery<J> {
    /// The same delivery of what the job holds.
    pub fn map<K>(self, into: impl FnOnce(J) -> K) -> Delivery<K> {
        Delivery {
            job: into(self.job),
            attempt: self.attempt,
            is_last: self.is_last,
            enqueued_ms: self.enqueued_ms,
            enqueued: self.enqueued,
            seen: self.seen,
        }
    }
}

/// Why a job is not done. The handler says aloud whether another attempt makes sense.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Something was away: again later, up to the last attempt.
    #[error("to be tried again")]
    Retry(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It can never succeed: to the dead letters.
    #[error("cannot succeed")]
    Abort(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl JobError {
    /// For `map_err`: worth another attempt.
    pub fn retry(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Retry(error.into())
    }

    /// For `map_err`: hopeless.
    pub fn abort(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Abort(error.into())
    }
}
