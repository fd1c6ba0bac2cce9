use crate::Queue;

/// What can go wrong between a process and a queue.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// A job has no JSON form.
    #[error("could not write a job of {queue} as JSON")]
    Encode {
        /// The queue.
        queue: Queue,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// Redis refused a command or was away.
    #[error("could not {operation} on {queue}")]
    Redis {
        /// The queue.
        queue: Queue,
        /// What was tried.
        operation: &'static str,
        /// What Redis said.
        #[source]
        source: fred::error::Error,
    },
}
