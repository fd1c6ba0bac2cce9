//! What a workload costs: time, CPU and memory between two moments.

use std::{collections::BTreeMap, time::Instant};

use serde::{Deserialize, Serialize};

use crate::{
    machine::Busy,
    processes::{Servers, Used, own_cpu},
};

/// Measures the processes of one relay.
pub struct Meter {
    servers: Servers,
}

/// A measurement that has begun.
pub struct Running {
    servers: Servers,
    used: BTreeMap<String, Used>,
    own: f64,
    busy: Busy,
    start: Instant,
}

/// What was used meanwhile. Times in seconds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Usage {
    /// How long it took.
    pub wall_s: f64,
    /// By role.
    pub servers: BTreeMap<String, ServerUsage>,
    /// CPU of the load generator.
    pub generator_s: f64,
    /// CPU of everything else on the machine, the kernel's own threads included. Much of it spoils the figures.
    pub rest_s: f64,
    /// CPU that the host gave to others.
    pub stolen_s: f64,
}

/// What one role used.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct ServerUsage {
    /// CPU time, seconds.
    pub cpu_s: f64,
    /// Memory at the start, bytes.
    pub memory_before: u64,
    /// Memory at the end, bytes.
    pub memory_after: u64,
}

impl Meter {
    /// For these processes.
    pub fn new(servers: Servers) -> Self {
        Self { servers }
    }

    /// The processes.
    pub fn servers(&self) -> &Servers {
        &self.servers
    }

    /// Begins.
    pub fn start(&self) -> anyhow::Result<Running> {
        Ok(Running {
            used: self.servers.used()?,
            own: own_cpu()?.as_secs_f64(),
            busy: Busy::now()?,
            servers: self.servers.clone(),
            start: Instant::now(),
        })
    }
}

impl Running {
    /// When it began.
    pub fn start(&self) -> Instant {
        self.start
    }

    /// Ends.
    pub fn stop(self) -> anyhow::Result<Usage> {
        let wall_s = self.start.elapsed().as_secs_f64();
        let busy = Busy::now()?;
        let generator_s = own_cpu()?.as_secs_f64() - self.own;
        let servers: BTreeMap<String, ServerUsage> = self
            .servers
            .used()?
            .into_iter()
            .map(|(role, after)| {
                let before = self.used.get(&role).copied().unwrap_or_default();
                let usage = ServerUsage {
                    cpu_s: after.cpu.saturating_sub(before.cpu).as_secs_f64(),
                    memory_before: before.memory,
                    memory_after: after.memory,
                };
                (role, usage)
            })
            .collect();
        let known: f64 = generator_s + servers.values().map(|usage| usage.cpu_s).sum::<f64>();
        Ok(Usage {
            wall_s,
            servers,
            generator_s,
            rest_s: ((busy.cpu - self.busy.cpu).as_secs_f64() - known).max(0.0),
            stolen_s: (busy.stolen - self.busy.stolen).as_secs_f64(),
        })
    }
}
