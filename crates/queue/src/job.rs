use serde::{Serialize, de::DeserializeOwned};

use crate::Queue;

/// What travels in a queue: JSON, documented with its struct.
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its queue.
    const QUEUE: Queue;
}
