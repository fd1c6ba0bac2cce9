//! The last hour of the whole relay, kept in memory and made anew every five seconds: what the pages show and move.
//!
//! The figures come from all processes (`runtime::figures`); how Postgres and Redis are is measured here, and told like the
//! figures of any other process, so that the hour outlives this one.

mod keep;
mod point;

use std::sync::Arc;

use runtime::{
    figures::{Kept, ProcessRecord},
    redis::RedisVitals,
};
use store::{PostgresVitals, TableSize};
use tokio::sync::watch;

pub use keep::{Keeper, Server};
pub use point::{Latency, Point, QueuePoint};

/// What this process tells of the servers.
pub const KEPT: Kept = Kept {
    summed: &[],
    shared: &[
        "postgres_latency_seconds",
        "postgres_database_bytes",
        "postgres_connections",
        "redis_latency_seconds",
        "redis_used_bytes",
    ],
};

/// The last hour. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Hour {
    /// When it was read, unix milliseconds.
    pub now_ms: u64,
    /// The slots of the hour, oldest first.
    pub points: Vec<Arc<Point>>,
    /// The processes that lived in the last ten minutes.
    pub processes: Vec<ProcessRecord>,
    /// How Postgres is, or why nobody knows.
    pub postgres: Option<Result<PostgresVitals, String>>,
    /// What lies in it.
    pub tables: Vec<TableSize>,
    /// How each Redis server is, or why nobody knows.
    pub redis: Vec<(String, Result<RedisVitals, String>)>,
}

/// Where pages get the hour from, and wait for the next.
pub type Hours = watch::Receiver<Arc<Hour>>;

impl Hour {
    /// The newest slot in which anybody wrote, if that is not too long ago: levels are read from it.
    pub fn newest(&self) -> Option<&Point> {
        let lately = self.points.iter().rev().take(3);
        lately.map(Arc::as_ref).find(|point| point.is_written)
    }

    /// The slots of the last so many seconds.
    pub fn last(&self, seconds: u64) -> &[Arc<Point>] {
        let count = (seconds / runtime::figures::SLOT_S) as usize;
        &self.points[self.points.len().saturating_sub(count)..]
    }
}
