//! Well-behaved clients beside hostile ones: what the others notice of a flood, and what it costs in memory.
//!
//! The others are measured alone first; that is what the ratios refer to. Then each flood goes on for some seconds, from one
//! address and a thread of its own, while the same others are measured again. A row says how they fared.

mod attack;
mod barrage;
mod others;
mod squatters;

use std::{
    collections::BTreeMap,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use tokio::time::{sleep, timeout};

use super::{Bench, deliveries::subscribe, fanout::note_losses};
use crate::{corpus::Index, report::Row, tally::Tally};
use attack::Done;
use others::{Fared, Others};

pub use attack::Flood;

/// The attack is under way when the others begin to be measured.
const HEAD_START: Duration = Duration::from_millis(500);
/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// An answer as quick as this, several times, says that a flood is over.
const QUIET: Duration = Duration::from_millis(20);
/// When it is not over by then, it says so.
const NEVER: Duration = Duration::from_secs(60);

/// Milliseconds of the others, each kind of answer by its name: median and 99th percentile.
type Times = BTreeMap<&'static str, (f64, f64)>;

/// The others alone, and beside each of the floods (none: all of them). `stored` events of the corpus are there already.
pub async fn floods(
    bench: &Bench,
    wanted: &[Flood],
    stored: usize,
    duration: Duration,
    tell: &mut impl FnMut(Row) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let index = Arc::new(Index::of(&bench.corpus, stored)?);
    let others = Others::new(bench, &index);
    let warm_up = others.fare(duration / 2, async || {}).await?;
    drop(warm_up);
    let alone = others.fare(2 * duration, async || {}).await?;
    let normal = times(&alone);
    tell(with_times(row("others, alone", alone)?, &normal, None))?;
    let all = <Flood as clap::ValueEnum>::value_variants();
    for flood in if wanted.is_empty() { all } else { wanted } {
        tell(beside(*flood, bench, &index, &others, &normal, duration).await?)?;
    }
    Ok(())
}

async fn beside(
    flood: Flood,
    bench: &Bench,
    index: &Arc<Index>,
    others: &Others<'_>,
    normal: &Times,
    duration: Duration,
) -> anyhow::Result<Row> {
    let (attack, go) = flood.prepare(bench, index)?;
    let before = bench.meter.servers().resident();
    let peak = Peak::watch(bench);
    let fared = others
        .fare(duration, async || {
            // Fails when the attack could not begin, which its end says.
            let _gone = go.send(Instant::now() + HEAD_START + duration);
            sleep(HEAD_START).await;
        })
        .await?;
    let done = tokio::task::spawn_blocking(|| attack.end()).await??;
    let peak = peak.end();
    let over = until_quiet(bench).await;
    let after = bench.meter.servers().resident();
    let found = times(&fared);
    let mut row = with_times(row(&format!("others, {flood}"), fared)?, &found, Some(normal));
    for (role, peak) in peak {
        let of = |when: &BTreeMap<String, u64>| when.get(&role).copied().unwrap_or_default() as f64 / 1e6;
        if role != "postgres" {
            row = row
                .fact(&format!("{role} MB before"), of(&before))
                .fact(&format!("{role} MB peak"), peak as f64 / 1e6)
                .fact(&format!("{role} MB after"), of(&after));
        }
    }
    Ok(of_attack(row, &done, duration + HEAD_START).fact("quiet after s", over.as_secs_f64()))
}

fn of_attack(row: Row, done: &Done, lasted: Duration) -> Row {
    let row = row
        .fact("attack: did", done.did as f64)
        .fact("attack: cores", done.cpu_s / lasted.as_secs_f64());
    let facts = [
        ("answers", done.answers),
        ("refusals", done.refusals),
        ("ended", done.ended),
    ];
    facts
        .into_iter()
        .filter(|(_, times)| *times > 0)
        .fold(row, |row, (what, times)| {
            row.fact(&format!("attack: {what}"), times as f64)
        })
}

/// All answers to the others in one row.
fn row(name: &str, fared: Fared) -> anyhow::Result<Row> {
    let mut all = Tally::new()?;
    let Fared {
        events,
        requests,
        live,
        newcomers,
        usage,
    } = fared;
    let live = note_losses(live);
    for (what, tally) in [
        ("EVENT", events),
        ("REQ", requests),
        ("live", live.tally),
        ("newcomer", newcomers),
    ] {
        all.latency.add(&tally.latency)?;
        all.accepted += tally.accepted;
        all.refused += tally.refused;
        for (fault, times) in tally.faults {
            *all.faults.entry(format!("{what}: {fault}")).or_default() += times;
        }
    }
    Ok(Row::new(name, "answers", &all, usage))
}

fn times(fared: &Fared) -> Times {
    let at = |tally: &Tally, quantile| tally.latency.value_at_quantile(quantile) as f64 / 1e3;
    let both = |tally| (at(tally, 0.5), at(tally, 0.99));
    Times::from([
        ("EVENT", both(&fared.events)),
        ("REQ", both(&fared.requests)),
        ("live", both(&fared.live.tally)),
        ("newcomer", both(&fared.newcomers)),
    ])
}

fn with_times(row: Row, times: &Times, normal: Option<&Times>) -> Row {
    times.iter().fold(row, |row, (what, (p50, p99))| {
        let row = row
            .fact(&format!("{what} p50 ms"), *p50)
            .fact(&format!("{what} p99 ms"), *p99);
        match normal.and_then(|normal| normal.get(what)) {
            Some((_, usual)) => row.fact(&format!("{what} p99 × normal"), p99 / usual.max(0.001)),
            None => row,
        }
    })
}

/// Waits until a newcomer gets quick answers again. Returns how long that took.
async fn until_quiet(bench: &Bench) -> Duration {
    let start = Instant::now();
    let mut quick = 0;
    while quick < 5 && start.elapsed() < NEVER {
        let asked = Instant::now();
        let answered = async {
            let mut socket = bench.neighbour(300).await?;
            subscribe(&mut socket, r#"{"limit":1}"#).await
        };
        let is_quick = matches!(timeout(NEVER, answered).await, Ok(Ok(()))) && asked.elapsed() < QUIET;
        quick = if is_quick { quick + 1 } else { 0 };
        sleep(Duration::from_millis(100)).await;
    }
    start.elapsed()
}

/// The most memory that each role has held since.
struct Peak {
    enough: mpsc::Sender<()>,
    watcher: thread::JoinHandle<BTreeMap<String, u64>>,
}

impl Peak {
    fn watch(bench: &Bench) -> Self {
        let servers = bench.meter.servers().clone();
        let (enough, told) = mpsc::channel::<()>();
        let watcher = thread::spawn(move || {
            let mut peak = servers.resident();
            while let Err(mpsc::RecvTimeoutError::Timeout) = told.recv_timeout(LOOK) {
                for (role, bytes) in servers.resident() {
                    let most = peak.entry(role).or_default();
                    *most = bytes.max(*most);
                }
            }
            peak
        });
        Self { enough, watcher }
    }

    fn end(self) -> BTreeMap<String, u64> {
        drop(self.enough);
        self.watcher.join().unwrap_or_default()
    }
}
