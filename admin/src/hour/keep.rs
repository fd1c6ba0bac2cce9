//! Reading the hour again and again.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use metrics::{describe_gauge, gauge};
use runtime::{
    clock::unix_millis,
    figures::{History, SLOT_S, SLOTS},
    redis::{RedisClient, vitals},
};
use store::Store;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::{Hour, Hours, Point};

/// A slot is read so long after its end: processes write it then.
const AFTER_SLOT: Duration = Duration::from_millis(700);

/// Slots that are read once more, since a process may have been late.
const AGAIN: usize = 2;

/// Tables are measured every so many slots: Postgres asks the system for the size of each file.
const TABLES_EVERY: u64 = 12;

/// A Redis server and what it is for.
#[derive(Clone)]
pub struct Server {
    /// `all`, or `jobs`, `pubsub`, `data` when they are different ones.
    pub name: String,
    /// A connection to it.
    pub client: RedisClient,
}

/// Keeps the hour.
pub struct Keeper {
    /// What the processes write.
    pub history: History,
    /// Postgres.
    pub store: Store,
    /// The Redis servers.
    pub redis: Vec<Server>,
}

impl Keeper {
    /// Starts to keep it, until `stop`.
    pub fn start(self, stop: CancellationToken) -> Hours {
        describe();
        let (sender, hours) = watch::channel(Arc::default());
        tokio::spawn(self.run(sender, stop));
        hours
    }

    async fn run(self, sender: watch::Sender<Arc<Hour>>, stop: CancellationToken) {
        let (mut points, mut round) = (VecDeque::new(), 0_u64);
        loop {
            let mut hour = Hour::clone(&sender.borrow());
            hour.now_ms = unix_millis();
            self.read(&mut points, &mut hour).await;
            self.measure(&mut hour, round.is_multiple_of(TABLES_EVERY)).await;
            sender.send_replace(Arc::new(hour));
            round += 1;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(until_next_slot(unix_millis())) => {}
            }
        }
    }

    /// What cannot be read stays as it was.
    async fn read(&self, points: &mut VecDeque<Arc<Point>>, hour: &mut Hour) {
        let kept = points.len().saturating_sub(AGAIN);
        let after = kept.checked_sub(1).map_or(0, |last| points[last].start);
        match self.history.slots(after, hour.now_ms).await {
            Ok(slots) => {
                points.truncate(kept);
                points.extend(slots.iter().map(|slot| Arc::new(Point::of(slot))));
                while points.len() > SLOTS as usize {
                    points.pop_front();
                }
                hour.points = points.iter().cloned().collect();
            }
            Err(error) => debug!(%error, "could not read the hour"),
        }
        match self.history.processes(hour.now_ms).await {
            Ok(processes) => hour.processes = processes,
            Err(error) => debug!(%error, "could not read who is alive"),
        }
    }

    async fn measure(&self, hour: &mut Hour, tables_too: bool) {
        let postgres = self.store.vitals().await;
        if let Ok(vitals) = &postgres {
            gauge!("postgres_latency_seconds").set(vitals.latency.as_secs_f64());
            gauge!("postgres_database_bytes").set(vitals.database_bytes as f64);
            gauge!("postgres_connections").set(vitals.connections as f64);
        }
        hour.postgres = Some(postgres.map_err(|error| error.to_string()));
        if tables_too {
            match self.store.table_sizes().await {
                Ok(tables) => hour.tables = tables,
                Err(error) => debug!(%error, "could not measure the tables"),
            }
        }
        hour.redis.clear();
        for Server { name, client } in &self.redis {
            let vitals = vitals(client).await;
            if let Ok(vitals) = &vitals {
                gauge!("redis_latency_seconds", "use" => name.clone()).set(vitals.latency.as_secs_f64());
                gauge!("redis_used_bytes", "use" => name.clone()).set(vitals.used_bytes as f64);
            }
            hour.redis
                .push((name.clone(), vitals.map_err(|error| error.to_string())));
        }
    }
}

fn describe() {
    describe_gauge!(
        "postgres_latency_seconds",
        "How long the smallest statement takes"
    );
    describe_gauge!("postgres_database_bytes", "Bytes of the database on disk");
    describe_gauge!("postgres_connections", "Connections of clients to Postgres");
    describe_gauge!(
        "redis_latency_seconds",
        "How long INFO takes, by what the server is used for"
    );
    describe_gauge!(
        "redis_used_bytes",
        "Bytes of data in Redis, by what the server is used for"
    );
}

fn until_next_slot(now_ms: u64) -> Duration {
    let slot_ms = SLOT_S * 1000;
    Duration::from_millis(slot_ms - now_ms % slot_ms) + AFTER_SLOT
}
