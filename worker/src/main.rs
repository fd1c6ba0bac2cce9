//! `worker`: configuration, telemetry, run, drain. `worker migrate` brings the schema up to date and ends.

use std::time::Duration;

use anyhow::{Context, bail};
use runtime::{config::Config, shutdown::Shutdown, telemetry};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// After the drain: giving back what did not run.
const AFTER_DRAIN: Duration = Duration::from_secs(3);

fn main() -> anyhow::Result<()> {
    let config = Config::load().context("configuration")?;
    let telemetry = telemetry::init("worker", &config.telemetry).context("telemetry")?;
    let runtime = tokio::runtime::Runtime::new().context("runtime")?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        [] => runtime.block_on(async {
            let patience = Duration::from_secs(u64::from(config.worker.drain_s)) + AFTER_DRAIN;
            let shutdown = Shutdown::on_signals(patience).context("signals")?;
            worker::run(config, telemetry.metrics.clone(), shutdown)
                .await
                .context("worker")
        }),
        ["migrate"] => runtime.block_on(worker::migrate(&config)).context("migrate"),
        other => bail!("usage: worker [migrate], not {other:?}"),
    }
}
