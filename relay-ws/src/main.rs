//! `relay-ws`: configuration, telemetry, serve, drain.

use std::time::Duration;

use anyhow::Context;
use runtime::{config::Config, shutdown::Shutdown, telemetry};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// After the drain: closing sockets and the last writes.
const AFTER_DRAIN: Duration = Duration::from_secs(8);

fn main() -> anyhow::Result<()> {
    let config = Config::load().context("configuration")?;
    let telemetry = telemetry::init("relay-ws", &config.telemetry).context("telemetry")?;
    let runtime = tokio::runtime::Runtime::new().context("runtime")?;
    let patience = Duration::from_secs(u64::from(config.websocket.drain_s)) + AFTER_DRAIN;
    runtime.block_on(async {
        let shutdown = Shutdown::on_signals(patience).context("signals")?;
        relay_ws::serve(config, telemetry.metrics.clone(), shutdown)
            .await
            .context("relay-ws")
    })
}
