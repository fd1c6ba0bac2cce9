//! What a process tells of itself.

use serde::{Deserialize, Serialize};

use crate::clock::unix_millis;

/// A process, as it last described itself: `{"kind":"worker","host":"a","pid":7,"version":"0.1.0","started_ms":…,…}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessRecord {
    /// Its id, 8 hex characters: for relay-ws the start of its connections' ids, for a worker the end of its consumers'.
    #[serde(default, skip)]
    pub id: String,
    /// `relay-ws`, `worker` or `admin`.
    pub kind: String,
    /// The machine or container that it runs on.
    pub host: String,
    /// Its number there.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// When it started, unix milliseconds.
    pub started_ms: u64,
    /// When it described itself, unix milliseconds.
    pub seen_ms: u64,
    /// Bytes of memory that it holds; 0 when the system does not tell.
    pub memory_bytes: u64,
    /// Milliseconds of CPU since its start; 0 when the system does not tell.
    pub cpu_ms: u64,
    /// Thousandths of a core that it used in the last slot.
    pub cpu_load: u64,
}

/// A process that has been silent for longer is likely dead: it describes itself every five seconds.
const SILENCE_MS: u64 = 15_000;

impl ProcessRecord {
    /// This process.
    pub(super) fn of_this(id: &str, kind: &str) -> Self {
        let now = unix_millis();
        Self {
            id: id.to_owned(),
            kind: kind.to_owned(),
            host: host(),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_ms: now,
            seen_ms: now,
            memory_bytes: 0,
            cpu_ms: 0,
            cpu_load: 0,
        }
    }

    /// Looks at itself again.
    pub(super) fn look(&mut self) {
        let (now, cpu) = (unix_millis(), cpu_ms().unwrap_or_default());
        let passed = now.saturating_sub(self.seen_ms).max(1);
        // The first look would tell of the time before `started_ms` as well.
        if self.cpu_ms > 0 {
            self.cpu_load = cpu.saturating_sub(self.cpu_ms) * 1000 / passed;
        }
        (self.seen_ms, self.cpu_ms) = (now, cpu);
        self.memory_bytes = resident_bytes().unwrap_or_default();
    }

    /// Whether it has described itself lately.
    pub fn is_alive(&self, now_ms: u64) -> bool {
        self.seen_ms + SILENCE_MS > now_ms
    }
}

fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

/// `/proc/self/statm`: the second number is the pages that are in memory, of 4 kB each where we run.
fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

/// `/proc/self/stat`: the 14th and 15th field, in hundredths of a second. The name before them may hold spaces.
fn cpu_ms() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = text.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) * 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_knows_what_it_holds() {
        let mut record = ProcessRecord::of_this("0a1b2c3d", "worker");
        record.look();
        assert!(record.memory_bytes > 100_000, "{record:?}");
        assert!(record.is_alive(record.seen_ms));
        assert!(!record.is_alive(record.seen_ms + 60_000));
    }
}
