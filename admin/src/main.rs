//! `admin`: the operator's web app. `admin create-operator NAME` adds an operator and ends.

use std::time::Duration;

use admin::NewFromShell;
use anyhow::{Context, bail};
use runtime::{config::Config, shutdown::Shutdown, telemetry};

/// How long a page may take after the first signal to end.
const DRAIN: Duration = Duration::from_secs(5);

fn main() -> anyhow::Result<()> {
    let config = Config::load().context("configuration")?;
    let telemetry = telemetry::init("admin", &config.telemetry).context("telemetry")?;
    let runtime = tokio::runtime::Runtime::new().context("runtime")?;
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => {}
        ["create-operator", words @ ..] => {
            let operator = NewFromShell::read(words)?;
            return Ok(runtime.block_on(operator.create(&config))?);
        }
        other => bail!("usage: admin [create-operator NAME [--key NPUB]], not {other:?}"),
    }
    runtime.block_on(async {
        let shutdown = Shutdown::on_signals(DRAIN).context("signals")?;
        admin::serve(config, telemetry.metrics.clone(), shutdown)
            .await
            .context("admin")
    })
}
