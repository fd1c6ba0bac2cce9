//! `worker`: configuration, telemetry, run, drain. Its commands work on the database and end.

use std::{io::Write, time::Duration};

use anyhow::Context;
use clap::{Parser, Subcommand};
use runtime::{config::Config, shutdown::Shutdown, telemetry};
use worker::{ExportOptions, ImportOptions};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// After the drain: giving back what did not run.
const AFTER_DRAIN: Duration = Duration::from_secs(3);

/// Without a command: works on the queues until it is told to stop.
#[derive(Debug, Parser)]
#[command(name = "worker", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Brings the schema up to date.
    Migrate,
    /// Stores events from standard input, one JSON object a line.
    Import(ImportOptions),
    /// Writes stored events to standard output, one JSON object a line.
    Export(ExportOptions),
    /// Prints the code of a new invitation (NIP-43).
    Invite {
        /// How many may come with it.
        #[arg(default_value_t = 1)]
        uses: u32,
        /// For how many days it is good.
        #[arg(default_value_t = 7)]
        days: u32,
    },
}

fn main() -> anyhow::Result<()> {
    let command = Cli::parse().command;
    let config = Config::load().context("configuration")?;
    let telemetry = telemetry::init("worker", &config.telemetry).context("telemetry")?;
    let runtime = tokio::runtime::Runtime::new().context("runtime")?;
    match command {
        None => runtime.block_on(async {
            let patience = Duration::from_secs(u64::from(config.worker.drain_s)) + AFTER_DRAIN;
            let shutdown = Shutdown::on_signals(patience).context("signals")?;
            // As a task, or every step of a job would wake this thread from one of the runtime's.
            let run = tokio::spawn(worker::run(config, telemetry.metrics.clone(), shutdown));
            run.await.context("worker")?.context("worker")
        }),
        Some(Command::Migrate) => runtime.block_on(worker::migrate(&config)).context("migrate"),
        Some(Command::Import(options)) => runtime
            .block_on(worker::import(config, options))
            .context("import"),
        Some(Command::Export(options)) => runtime
            .block_on(worker::export(&config, options))
            .context("export"),
        Some(Command::Invite { uses, days }) => runtime.block_on(print_invite(&config, uses, days)),
    }
}

async fn print_invite(config: &Config, uses: u32, days: u32) -> anyhow::Result<()> {
    let code = worker::invite(config, uses, days).await.context("invite")?;
    writeln!(std::io::stdout(), "{code}").context("print")
}
