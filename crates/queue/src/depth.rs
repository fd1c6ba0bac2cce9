//! How much waits, and for how long.

use std::collections::HashMap;

use bytes::Bytes;
use fred::{
    interfaces::{FredResult, StreamsInterface},
    types::Value,
};

use crate::{QueueError, stream::Stream};

/// The state of a queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Jobs that nobody has taken.
    pub waiting: u64,
    /// Jobs in the hands of workers, or of dead ones.
    pub running: u64,
    /// Dead letters.
    pub dead: u64,
    /// When the oldest job was enqueued, unix milliseconds; `None` for an empty queue.
    pub oldest_ms: Option<u64>,
}

impl Depth {
    pub(crate) async fn measure(stream: &Stream) -> Result<Self, QueueError> {
        let client = &stream.client;
        let run = async {
            let all: u64 = client.xlen(stream.key()).await?;
            let dead: u64 = client.xlen(stream.dead_key()).await?;
            let oldest: Vec<(String, HashMap<String, Bytes>)> =
                client.xrange_values(stream.key(), "-", "+", Some(1)).await?;
            let groups: FredResult<Vec<HashMap<String, Value>>> = client.xinfo_groups(stream.key()).await;
            // Without a stream there is no group and nothing runs.
            let running = groups
                .ok()
                .and_then(|groups| groups.first()?.get("pending")?.as_u64())
                .unwrap_or(0);
            let oldest_ms = oldest
                .first()
                .and_then(|(id, _)| id.split('-').next()?.parse().ok());
            Ok(Self {
                waiting: all.saturating_sub(running),
                running,
                dead,
                oldest_ms,
            })
        };
        run.await
            .map_err(|error| stream.failed("measure the depth", error))
    }
}
