//! All workloads in an order that makes sense: connections to a fresh relay, the events, the questions about them.

use std::time::{Duration, Instant};

use clap::Args;

use super::{
    Bench, Flood, Shape, bystanders, duplicates, fanout, floods, idle, ingest, ingest_at_rate, live,
    requests, requests_at_rate,
};
use crate::report::Row;

/// How much of everything.
#[derive(Debug, Clone, Args)]
pub struct Suite {
    /// Only these: ingest, duplicates, req, bystanders, live, fanout, floods, idle. All without.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
    /// Events that are sent as fast as they are taken.
    #[arg(long, default_value_t = 60_000, value_parser = crate::cli::within(1_000, 10_000_000))]
    pub events: usize,
    /// Connections that send events or requests at the same time.
    #[arg(long, default_value_t = 8, value_parser = crate::cli::within(1, 1_000))]
    pub connections: usize,
    /// Seconds of each closed or open loop of requests.
    #[arg(long, default_value_t = 5, value_parser = crate::cli::within(1, 600))]
    pub seconds: usize,
    /// Connections of the fan-out.
    #[arg(long, default_value_t = 5_000, value_parser = crate::cli::within(1, crate::cli::MAX_CONNECTIONS))]
    pub fanout: usize,
    /// Idle connections.
    #[arg(long, default_value_t = 10_000, value_parser = crate::cli::within(1, crate::cli::MAX_CONNECTIONS))]
    pub idle: usize,
    /// Only these floods.
    #[arg(long, value_delimiter = ',')]
    pub flood: Vec<Flood>,
    /// Requests a second in the open loop.
    #[arg(long, default_value_t = 500.0)]
    pub request_rate: f64,
}

/// Events of a lonely client.
const LONELY: usize = 500;
/// Live subscriptions that do not match: few, and as many as a busy relay has.
const BYSTANDERS: [usize; 2] = [100, 100_000];
/// Events at a rate, and the rate: what a relay with some thousands of users sees at its busiest.
const AT_RATE: (usize, f64) = (5_000, 500.0);

impl Suite {
    /// Events of the corpus that the suite needs.
    pub fn corpus(&self) -> usize {
        self.events + LONELY + AT_RATE.0 * (1 + BYSTANDERS.len())
    }

    fn wants(&self, workload: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| wanted == workload)
    }
}

/// Runs the suite; each row is told as it comes.
pub async fn suite(
    bench: &Bench,
    suite: &Suite,
    tell: &mut impl FnMut(Row) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (bulk, lonely) = (suite.events, suite.events + LONELY);
    let many = suite.connections;
    let seconds = Duration::from_secs(suite.seconds as u64);
    if suite.wants("idle") {
        // First: memory that earlier work left behind in the processes would be used again, and not be counted.
        for row in idle(bench, suite.idle, seconds).await? {
            tell(row)?;
        }
        tokio::time::sleep(COMPANY).await;
        settle(bench).await?;
    }
    if suite.wants("ingest") {
        tell(ingest(bench, 0..bulk, many, 64).await?)?;
        settle(bench).await?;
        tell(ingest(bench, bulk..lonely, 1, 1).await?)?;
        tell(ingest_at_rate(bench, lonely..lonely + AT_RATE.0, many, AT_RATE.1).await?)?;
    }
    if suite.wants("duplicates") {
        // The newest ones: nothing has replaced them, and every relay that remembers recent ids knows them.
        tell(duplicates(bench, bulk - 1_000..bulk, suite.events, many, 64).await?)?;
    }
    settle(bench).await?;
    if suite.wants("req") {
        // A relay is asked all the time. Where nobody was for a while, its first answers are slower, and not what is measured here.
        requests(bench, Shape::Feed, bulk, many, WARM_UP).await?;
        settle(bench).await?;
        for shape in Shape::ALL {
            tell(requests(bench, shape, bulk, many, seconds).await?)?;
        }
        for shape in Shape::ALL {
            tell(requests(bench, shape, bulk, 1, seconds).await?)?;
        }
        tell(requests_at_rate(bench, Shape::Feed, bulk, many, suite.request_rate, seconds).await?)?;
    }
    settle(bench).await?;
    if suite.wants("bystanders") {
        for (nth, subscriptions) in BYSTANDERS.into_iter().enumerate() {
            let first = lonely + (1 + nth) * AT_RATE.0;
            tell(bystanders(bench, first..first + AT_RATE.0, subscriptions, AT_RATE.1).await?)?;
            settle(bench).await?;
        }
    }
    if suite.wants("live") {
        tell(live(bench, 10, 10.0, 2 * seconds).await?)?;
    }
    if suite.wants("fanout") {
        tell(fanout(bench, suite.fanout, 60).await?)?;
    }
    if suite.wants("floods") {
        settle(bench).await?;
        floods(bench, &suite.flood, bulk, seconds, tell).await?;
    }
    Ok(())
}

/// So long a relay bounds what one address may do after another one did something: idle connections come from several.
const COMPANY: Duration = Duration::from_secs(10);

/// Until caches have what the first questions need.
const WARM_UP: Duration = Duration::from_secs(2);

/// Cores that a relay takes that has nothing to do.
const AT_REST: f64 = 0.1;

/// What the last workload left to do (closing connections, writing back, making events searchable) is not the next one's.
pub async fn settle(bench: &Bench) -> anyhow::Result<()> {
    tokio::time::sleep(Duration::from_secs(1)).await;
    let start = Instant::now();
    while start.elapsed() < bench.patience {
        let running = bench.meter.start()?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let usage = running.stop()?;
        let busy: f64 = usage.servers.values().map(|server| server.cpu_s).sum();
        if busy / usage.wall_s < AT_REST {
            break;
        }
    }
    Ok(())
}
