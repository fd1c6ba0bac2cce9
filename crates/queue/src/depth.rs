//! How much waits, and for how long.

use std::collections::HashMap;

use bytes::Bytes;
use fred::{
    interfaces::{FredResult, StreamsInterface},
    types::Value,
};
use futures::FutureExt;

use crate::{
    QueueError,
    stream::{GROUP, Stream, enqueued_ms},
};

/// The state of a queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Jobs that nobody has taken.
    pub waiting: u64,
    /// Jobs in the hands of workers: they run, are about to, or failed and will be tried again.
    pub running: u64,
    /// Dead letters.
    pub dead: u64,
    /// When the oldest job of these two kinds was enqueued, unix milliseconds; `None` for an empty queue.
    pub oldest_ms: Option<u64>,
}

impl Depth {
    pub(crate) async fn measure(stream: &Stream) -> Result<Self, QueueError> {
        let client = &stream.client;
        let run = async {
            // In one round trip: what is awaited together is sent together. Boxed, as futures of fred are large.
            let (all, dead, oldest, groups) = tokio::join!(
                client.xlen::<u64, _>(stream.key()).boxed(),
                client.xlen::<u64, _>(stream.dead_key()).boxed(),
                client
                    .xrange_values::<String, String, Bytes, _, _, _>(stream.key(), "-", "+", Some(1))
                    .boxed(),
                client
                    .xinfo_groups::<Vec<HashMap<String, Value>>, _>(stream.key())
                    .boxed(),
            );
            let (all, running) = (all?, running(groups)?);
            Ok(Self {
                waiting: all.saturating_sub(running),
                running,
                dead: dead?,
                oldest_ms: oldest?.first().map(|(id, _)| enqueued_ms(id)),
            })
        };
        run.await
            .map_err(|error| stream.failed("measure the depth", error))
    }
}

fn running(groups: FredResult<Vec<HashMap<String, Value>>>) -> FredResult<u64> {
    match groups {
        Ok(groups) => Ok(groups
            .iter()
            .find(|group| group.get("name").and_then(Value::as_string).as_deref() == Some(GROUP))
            .and_then(|group| group.get("pending")?.as_u64())
            .unwrap_or_default()),
        // Without a stream there is no group and nothing runs.
        Err(error) if error.details().contains("no such key") => Ok(0),
        Err(error) => Err(error),
    }
}
