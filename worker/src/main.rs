//! `worker`: configuration, telemetry, run, drain. `worker migrate` brings the schema up to date and ends;
//! `worker invite` prints the code of an invitation (NIP-43).

use std::{io::Write, time::Duration};

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
        ["invite"] => runtime.block_on(print_invite(&config, "1", "7")),
        ["invite", uses] => runtime.block_on(print_invite(&config, uses, "7")),
        ["invite", uses, days] => runtime.block_on(print_invite(&config, uses, days)),
        ["migrate"] => runtime.block_on(worker::migrate(&config)).context("migrate"),
        other => bail!("usage: worker [migrate | invite [<uses> [<days>]]], not {other:?}"),
    }
}

async fn print_invite(config: &Config, uses: &str, days: &str) -> anyhow::Result<()> {
    let uses = uses.parse().context("how many may come with it")?;
    let days = days.parse().context("how many days it is good")?;
    let code = worker::invite(config, uses, days).await.context("invite")?;
    writeln!(std::io::stdout(), "{code}").context("print")
}
