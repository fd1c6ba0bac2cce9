//! From the command line to the report.

use std::{
    env,
    io::{self, Write},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::Context;

use crate::{
    cli::{Cli, Common, Workload},
    compare::compare,
    corpus::Corpus,
    machine::Machine,
    meter::Meter,
    report::{Report, Row},
    target::Sources,
    workloads::{
        Attacker, Bench, bystanders, duplicates, fanout, idle, ingest, ingest_at_rate, live, obey, requests,
        requests_at_rate, suite,
    },
};

/// A delivery that takes longer than this is lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// Does what the command line says.
pub async fn run(cli: Cli) -> anyhow::Result<()> {
    if let Workload::Compare { first, second } = &cli.workload {
        return print(&compare(&Report::load(first)?, &Report::load(second)?));
    }
    if matches!(cli.workload, Workload::Attack) {
        return tokio::task::spawn_blocking(|| obey(io::stdin().lock(), io::stdout().lock())).await?;
    }
    let common = cli.common;
    let size = cli.workload.corpus();
    let corpus = Corpus::open(&common.data, size, common.seed)?;
    if matches!(cli.workload, Workload::Corpus { .. }) {
        return print(&format!(
            "{} events of {} bytes\n",
            corpus.len(),
            corpus.mean_bytes()
        ));
    }
    let mut report = Report {
        label: common.label.clone(),
        started: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .context("the clock is before 1970")?
            .as_secs(),
        machine: Machine::look(&common.data)?,
        corpus: (corpus.len(), common.seed, corpus.mean_bytes()),
        rows: Vec::new(),
    };
    let bench = Bench {
        targets: common.url.clone(),
        sources: Sources::of_this_run(),
        meter: Meter::new(common.pids.clone()),
        corpus,
        seed: common.seed,
        attacker: Attacker::Process(env::current_exe().context("the program's own path")?),
        patience: PATIENCE,
    };
    measure(&bench, &cli.workload, &mut |row| tell(row, &mut report, &common)).await?;
    print(&report.table())
}

/// Keeps a row; what is measured is not lost when a later workload fails.
fn tell(row: Row, report: &mut Report, common: &Common) -> anyhow::Result<()> {
    let line = format!(
        "{} {}: {:.0}/s, p50 {:.2} ms\n",
        report.label, row.workload, row.rate, row.latency.p50
    );
    std::io::stderr().write_all(line.as_bytes())?;
    report.rows.push(row);
    common.json.as_ref().map_or(Ok(()), |path| report.save(path))
}

fn print(text: &str) -> anyhow::Result<()> {
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("writing to the terminal")
}

async fn measure(
    bench: &Bench,
    workload: &Workload,
    tell: &mut impl FnMut(Row) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let row = match workload {
        Workload::Suite(amounts) => return suite(bench, amounts, tell).await,
        Workload::Idle { connections, seconds } => {
            for row in idle(bench, *connections, duration(*seconds)).await? {
                tell(row)?;
            }
            return Ok(());
        }
        Workload::Corpus { .. } | Workload::Compare { .. } | Workload::Attack => return Ok(()),
        Workload::Ingest {
            part,
            connections,
            rate: Some(rate),
            ..
        } => ingest_at_rate(bench, part.range(), *connections, *rate).await?,
        Workload::Ingest {
            part,
            connections,
            window,
            rate: None,
        } => ingest(bench, part.range(), *connections, *window).await?,
        Workload::IngestOne { part } => ingest(bench, part.range(), 1, 1).await?,
        Workload::Duplicates {
            part,
            repeat,
            connections,
            window,
        } => duplicates(bench, part.range(), *repeat, *connections, *window).await?,
        Workload::Req {
            shape,
            stored,
            connections,
            seconds,
            rate: None,
            ..
        } => requests(bench, *shape, *stored, *connections, duration(*seconds)).await?,
        Workload::Req {
            shape,
            stored,
            connections,
            seconds,
            rate: Some(rate),
            ..
        } => requests_at_rate(bench, *shape, *stored, *connections, *rate, duration(*seconds)).await?,
        Workload::Live {
            subscribers,
            rate,
            seconds,
        } => live(bench, *subscribers, *rate, duration(*seconds)).await?,
        Workload::Bystanders {
            part,
            subscriptions,
            rate,
        } => bystanders(bench, part.range(), *subscriptions, *rate).await?,
        Workload::Fanout { connections, events } => fanout(bench, *connections, *events).await?,
    };
    tell(row)
}

fn duration(seconds: usize) -> Duration {
    Duration::from_secs(seconds as u64)
}
