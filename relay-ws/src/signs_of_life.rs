//! Once a second: that this process lives, and what its connections sent and received since. Counters are summed in memory
//! meanwhile.

use std::{sync::Weak, time::Duration};

use fred::{
    clients::{Client, Pipeline},
    interfaces::{FredResult, HashesInterface},
};
use metrics::counter;
use pubsub::{Keys, server_time_ms};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::relay::Relay;

/// Writes them until `stop`.
pub async fn write(relay: Weak<Relay>, client: Client, keys: Keys, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let Some(relay) = relay.upgrade() else { return };
        let now_ms = match server_time_ms(&client).await {
            Ok(now_ms) => now_ms,
            Err(error) => {
                warn!(%error, "could not ask for the time");
                continue;
            }
        };
        let pipeline = client.pipeline();
        if let Err(error) = count(&relay, &pipeline, &keys, now_ms).await {
            warn!(%error, "could not count traffic");
        }
        if let Err(error) = pipeline.all::<()>().await {
            warn!(%error, "could not write a sign of life");
        }
    }
}

async fn count(relay: &Relay, redis: &Pipeline<Client>, keys: &Keys, now_ms: u64) -> FredResult<()> {
    let (mut increments, mut all) = (Vec::new(), [0; 3]);
    relay.connections.for_each(|connection| {
        let since = connection.traffic.take();
        for (sum, value) in all.iter_mut().zip(since) {
            *sum += value;
        }
        if since.iter().any(|value| *value > 0) {
            increments.push((connection.id, since));
        }
    });
    let [messages, incoming, outgoing] = all;
    counter!("relay_received_messages_total").increment(messages);
    counter!("relay_received_bytes_total").increment(incoming);
    counter!("relay_sent_bytes_total").increment(outgoing);
    let hashes = [keys.requests(), keys.incoming_traffic(), keys.outgoing_traffic()];
    for (id, since) in increments {
        for (hash, value) in hashes.iter().zip(since).filter(|(_, value)| *value > 0) {
            let _: () = redis
                .hincrby(hash, id.as_str(), i64::try_from(value).unwrap_or(i64::MAX))
                .await?;
        }
    }
    redis
        .hset(keys.processes(), (relay.process.as_str(), now_ms))
        .await
}
