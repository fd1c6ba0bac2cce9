//! The machine below: how busy it is besides our measurement, and how fast its disk commits.

use std::{
    fs,
    io::Write,
    os::unix::fs::FileExt,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Context;
use serde::{Deserialize, Serialize};

/// What figures of two runs must have in common to be compared.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Cores.
    pub cores: usize,
    /// Model of the first core.
    pub processor: String,
    /// Version of the kernel.
    pub kernel: String,
    /// Median of writing 8 kB and making it durable, microseconds.
    pub fsync_us: f64,
}

impl Machine {
    /// Looks around; the folder decides which disk is tried.
    pub fn look(folder: &Path) -> anyhow::Result<Self> {
        let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = processor.lines().find(|line| line.starts_with("model name"));
        Ok(Self {
            cores: std::thread::available_parallelism()?.get(),
            processor: model
                .and_then(|line| line.split(": ").nth(1))
                .unwrap_or("unknown")
                .to_owned(),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
                .unwrap_or_default()
                .trim()
                .to_owned(),
            fsync_us: fsync(folder)?.as_secs_f64() * 1e6,
        })
    }
}

fn fsync(folder: &Path) -> anyhow::Result<Duration> {
    fs::create_dir_all(folder)?;
    let path = folder.join(format!("fsync.{}", std::process::id()));
    let mut file = fs::File::create(&path).with_context(|| format!("creating {}", path.display()))?;
    file.write_all(&vec![0; 1024 * 1024])?;
    file.sync_all()?;
    let mut times = Vec::with_capacity(100);
    for nth in 0..100 {
        let start = Instant::now();
        file.write_all_at(&[nth; 8192], u64::from(nth) * 8192)?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    fs::remove_file(&path)?;
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

/// CPU time of the whole machine since it started.
#[derive(Debug, Clone, Copy)]
pub struct Busy {
    /// Of all processes and the kernel.
    pub cpu: Duration,
    /// Taken by other machines on the same host.
    pub stolen: Duration,
}

impl Busy {
    /// Now.
    pub fn now() -> anyhow::Result<Self> {
        let text = fs::read_to_string("/proc/stat")?;
        let line = text.lines().next().context("/proc/stat is empty")?;
        let ticks: Vec<u64> = line
            .split_ascii_whitespace()
            .skip(1)
            .filter_map(|field| field.parse().ok())
            .collect();
        let tick = |at: usize| Duration::from_millis(10 * ticks.get(at).copied().unwrap_or_default());
        // user nice system idle iowait irq softirq steal
        Ok(Self {
            cpu: [0, 1, 2, 5, 6].into_iter().map(tick).sum(),
            stolen: tick(7),
        })
    }
}
