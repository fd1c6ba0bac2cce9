//! Whether anybody listened to ephemeral events: only the processes that hold the subscriptions know.

use protocol::EventId;
use serde::{Deserialize, Serialize};

use crate::ProcessId;

/// What a relay-ws process says of the ephemeral events of a page to the one whose clients sent them, on
/// `events:<that process>:_:HEARD`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ballot {
    /// Who says it.
    pub by: ProcessId,
    /// Events that some of its subscriptions wanted.
    pub heard: Vec<EventId>,
    /// Events that none of them wanted.
    pub missed: Vec<EventId>,
}

impl Ballot {
    /// An empty one.
    pub fn by(process: ProcessId) -> Self {
        Self {
            by: process,
            heard: Vec::new(),
            missed: Vec::new(),
        }
    }
}
