//! Making up for messages that pub/sub lost: Redis cuts off a subscriber that is too slow, and connections break.
//!
//! Questions without an answer are asked again. New events are asked for once more, from the last sequence number that was seen;
//! what had come already is known as such and goes to nobody twice. Who is owed an OK for one of them gets it then. Whatever else is
//! owed has its deadline.

use std::sync::Arc;

use queue::jobs::{Maintenance, Task, Version};
use tracing::warn;

use crate::relay::Relay;

/// Workers publish side by side, so a page may overtake an older one. This many sequence numbers before the last one
/// seen are asked for as well.
const OVERLAP: i64 = 2_000;

/// How far the stream of new events was seen.
#[derive(Debug, Default)]
pub struct Gaps {
    last_seq: Option<i64>,
}

impl Gaps {
    /// A page with this sequence number came.
    pub fn saw(&mut self, seq: Option<i64>) {
        self.last_seq = self.last_seq.max(seq);
    }

    /// Asks the workers for what may have been missed, and again what they may have answered.
    pub fn make_up(&self, relay: &Arc<Relay>) {
        relay.ask_again();
        // Nothing has been seen yet: a subscription that is older than the first event missed nothing that it could name.
        let after = self.last_seq.map_or(0, |seq| (seq - OVERLAP).max(0));
        let relay = Arc::clone(relay);
        tokio::spawn(async move {
            let task = Task::CatchUp {
                process: relay.process.to_string(),
                after,
            };
            if let Err(error) = relay.intake.push(&Maintenance { v: Version, task }).await {
                warn!(%error, "could not ask for missed events");
            }
        });
    }
}
