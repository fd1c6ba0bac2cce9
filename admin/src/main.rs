//! `admin`: the operator's web app.

use std::time::Duration;

use anyhow::Context;
use runtime::{config::Config, shutdown::Shutdown, telemetry};

/// How long a page may take after the first signal to end.
const DRAIN: Duration = Duration::from_secs(5);

fn main() -> anyhow::Result<()> {
    let config = Config::load().context("configuration")?;
    let telemetry = telemetry::init("admin", &config.telemetry).context("telemetry")?;
    let runtime = tokio::runtime::Runtime::new().context("runtime")?;
    runtime.block_on(async {
        let shutdown = Shutdown::on_signals(DRAIN).context("signals")?;
        admin::serve(config, telemetry.metrics.clone(), shutdown)
            .await
            .context("admin")
    })
}
