//! CPU time and memory of the server's processes, read from /proc.

use std::{collections::BTreeMap, fs, str::FromStr, time::Duration};

use anyhow::Context;

/// USER_HZ, the unit of times in /proc/<pid>/stat: 100 on every Linux that we run on.
const TICK: Duration = Duration::from_millis(10);

/// The processes of a relay by role: `relay-ws=12,worker=13+14,postgres=15`. Children count with their parents.
#[derive(Debug, Clone, Default)]
pub struct Servers(BTreeMap<String, Vec<u32>>);

/// What a role has used so far, and holds now.
#[derive(Debug, Clone, Copy, Default)]
pub struct Used {
    /// Since the processes started.
    pub cpu: Duration,
    /// Bytes, pages shared between processes divided among them.
    pub memory: u64,
}

impl FromStr for Servers {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let mut roles = BTreeMap::<String, Vec<u32>>::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (role, pids) = part.split_once('=').context("expected role=pid+pid,…")?;
            for pid in pids.split('+') {
                let pid = pid
                    .trim()
                    .parse()
                    .with_context(|| format!("{pid} is no process id"))?;
                roles.entry(role.to_owned()).or_default().push(pid);
            }
        }
        Ok(Self(roles))
    }
}

impl Servers {
    /// What every role has used. An error when one of the processes is gone: then the figures mean nothing.
    pub fn used(&self) -> anyhow::Result<BTreeMap<String, Used>> {
        let table = Table::read()?;
        self.0
            .iter()
            .map(|(role, pids)| {
                let mut all = Used::default();
                for pid in pids {
                    let one = table
                        .tree(*pid)
                        .with_context(|| format!("{role} (process {pid}) is gone"))?;
                    all.cpu += one.cpu;
                    all.memory += one.memory;
                }
                Ok((role.clone(), all))
            })
            .collect()
    }
}

impl Servers {
    /// Bytes that every role's own processes hold, children not counted: a quick look. Who is gone holds nothing.
    pub fn resident(&self) -> BTreeMap<String, u64> {
        let of = |pids: &Vec<u32>| {
            pids.iter()
                .filter_map(|pid| kilobytes(*pid, "status", "VmRSS:"))
                .sum::<u64>()
        };
        self.0
            .iter()
            .map(|(role, pids)| (role.clone(), 1024 * of(pids)))
            .collect()
    }
}

/// CPU time of this process.
pub fn own_cpu() -> anyhow::Result<Duration> {
    let stat = Stat::of(std::process::id()).context("reading /proc/self/stat")?;
    Ok(stat.cpu)
}

/// All processes at one moment.
struct Table {
    stats: BTreeMap<u32, Stat>,
}

struct Stat {
    parent: u32,
    /// Its own.
    cpu: Duration,
    /// Of children that ended and were waited for: a Postgres backend that is gone has not worked for nothing.
    reaped: Duration,
}

impl Table {
    fn read() -> anyhow::Result<Self> {
        let stats = fs::read_dir("/proc")?
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(|pid| Some((pid, Stat::of(pid)?)))
            .collect();
        Ok(Self { stats })
    }

    /// A process and all that descend from it.
    fn tree(&self, pid: u32) -> Option<Used> {
        let stat = self.stats.get(&pid)?;
        let mut used = Used {
            cpu: stat.cpu + stat.reaped,
            memory: memory(pid).unwrap_or_default(),
        };
        for child in self
            .stats
            .iter()
            .filter(|(_, stat)| stat.parent == pid)
            .map(|(child, _)| *child)
        {
            let child = self.tree(child)?;
            used.cpu += child.cpu;
            used.memory += child.memory;
        }
        Some(used)
    }
}

impl Stat {
    fn of(pid: u32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold anything.
        let fields: Vec<&str> = text.get(text.rfind(')')? + 2..)?.split(' ').collect();
        let ticks = |at: usize| Some(TICK * fields.get(at)?.parse::<u32>().ok()?);
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            cpu: (ticks(11)? + ticks(12)?).max(scheduled(pid)),
            reaped: ticks(13)? + ticks(14)?,
        })
    }
}

/// CPU time of the living threads to the nanosecond. Threads that ended are missing, so the ticks may be more.
fn scheduled(pid: u32) -> Duration {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Duration::ZERO;
    };
    threads
        .filter_map(|thread| {
            let text = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
        })
        .sum()
}

fn memory(pid: u32) -> Option<u64> {
    // Other people's smaps are closed to us; their status is not.
    kilobytes(pid, "smaps_rollup", "Pss:")
        .or_else(|| kilobytes(pid, "status", "VmRSS:"))
        .map(|kilobytes| kilobytes * 1024)
}

fn kilobytes(pid: u32, file: &str, key: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}")).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_process_is_found_with_its_children() {
        let own = std::process::id();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let servers: Servers = format!("me={own},child={}", child.id()).parse().unwrap();
        let used = servers.used().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(used["me"].memory > used["child"].memory);
        assert!(used["child"].memory > 0);
        assert!(servers.used().is_err(), "a role that is gone is an error");
    }

    #[test]
    fn work_shows() {
        let before = own_cpu().unwrap();
        let mut sum = 0_u64;
        while own_cpu().unwrap() < before + Duration::from_millis(20) {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(own_cpu().unwrap() > before);
    }

    #[test]
    fn roles_are_read() {
        assert!("relay".parse::<Servers>().is_err());
        assert!("relay=x".parse::<Servers>().is_err());
        let servers: Servers = "a=1+2,b=3".parse().unwrap();
        assert_eq!(servers.0["a"], [1, 2]);
    }
}
