//! Well-behaved clients beside hostile ones: what the others notice of a flood, and what it costs in memory.
//!
//! Each flood goes on for some seconds, from one address and by a process that takes only what nobody else wants of this machine. The
//! same others are measured beside it, and alone right before and right after: that is what the ratios refer to. A row says how they
//! fared.

mod attack;
mod attacker;
mod barrage;
mod others;
mod squatters;
mod times;

use std::{
    collections::BTreeMap,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use tokio::time::{sleep, timeout};

use super::{Bench, deliveries::subscribe, suite::settle};
use crate::{corpus::Index, report::Row};
use attack::Done;
use others::Others;
use times::Times;

pub use attack::Flood;
use attacker::Orders;
pub use attacker::{Attacker, obey};

/// The attack is under way when the others begin to be measured.
const HEAD_START: Duration = Duration::from_millis(500);
/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// An answer as quick as this, several times, says that a flood is over.
const QUIET: Duration = Duration::from_millis(20);
/// When it is not over by then, it says so.
const NEVER: Duration = Duration::from_secs(60);

/// Events a second of the attack, signed before it: signing is slower than what the relay takes.
const NOTES: f64 = 4_000.0;

/// The others alone, and beside each of the floods (none: all of them). `stored` events of the corpus are there already.
pub async fn floods(
    bench: &Bench,
    wanted: &[Flood],
    stored: usize,
    duration: Duration,
    tell: &mut impl FnMut(Row) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let index = Index::of(&bench.corpus, stored)?;
    let others = Others::new(bench, &index);
    let alone = async || {
        settle(bench).await?;
        others.fare(duration / 2, async || Ok(())).await
    };
    let warm_up = alone().await?;
    drop(warm_up);
    let mut before = alone().await?;
    let times = Times::of([&before])?;
    tell(times.tell(Row::new(
        "others, alone",
        "answers",
        &before.all()?,
        before.usage.clone(),
    )))?;
    let all = <Flood as clap::ValueEnum>::value_variants();
    for flood in if wanted.is_empty() { all } else { wanted } {
        let (row, times) = beside(*flood, bench, &index, &others, duration).await?;
        let after = alone().await?;
        let usual = Times::of([&before, &after])?;
        tell(times.compare(row, &usual))?;
        before = after;
    }
    Ok(())
}

/// The others beside a flood.
async fn beside(
    flood: Flood,
    bench: &Bench,
    index: &Index,
    others: &Others<'_>,
    duration: Duration,
) -> anyhow::Result<(Row, Times)> {
    let target = bench.targets[0].clone();
    let notes = match flood {
        Flood::Events | Flood::BadSignatures => {
            bench.fresh_notes((NOTES * duration.as_secs_f64()) as usize)?.1
        }
        _ => Vec::new(),
    };
    let mut attack = bench.attacker.prepare(&Orders {
        flood,
        source: bench.sources.hostile(&target),
        target,
        index: index.clone(),
        notes,
    })?;
    let before = bench.meter.servers().resident();
    let peak = Peak::watch(bench);
    let lasts = HEAD_START + duration;
    let begin = async || {
        attack.begin(lasts)?;
        sleep(HEAD_START).await;
        Ok(())
    };
    let mut fared = others.fare(duration, begin).await?;
    let done = tokio::task::spawn_blocking(|| attack.end()).await??;
    let peak = peak.end();
    let over = until_quiet(bench).await;
    let after = bench.meter.servers().resident();
    // What the attacker took is not what others on this machine did.
    let usage = &mut fared.usage;
    usage.rest_s = (usage.rest_s - done.cpu_s * usage.wall_s / lasts.as_secs_f64()).max(0.0);
    let times = Times::of([&fared])?;
    let mut row = times.tell(Row::new(
        format!("others, {flood}"),
        "answers",
        &fared.all()?,
        fared.usage,
    ));
    for (role, peak) in peak {
        let of = |when: &BTreeMap<String, u64>| when.get(&role).copied().unwrap_or_default() as f64 / 1e6;
        if role != "postgres" {
            row = row
                .fact(&format!("{role} MB before"), of(&before))
                .fact(&format!("{role} MB peak"), peak as f64 / 1e6)
                .fact(&format!("{role} MB after"), of(&after));
        }
    }
    let row = of_attack(row, &done, lasts).fact("quiet after s", over.as_secs_f64());
    Ok((row, times))
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
