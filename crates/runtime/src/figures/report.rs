//! Writing: what this process counted in each slot.

use std::{collections::HashMap, time::Duration};

use fred::{
    clients::{Client, Pipeline},
    interfaces::{FredResult, HashesInterface, KeysInterface},
};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::{
    EXPIRY_S, SLOT_S,
    exposition::{Nature, Sample, samples},
    processes::ProcessRecord,
    processes_key, slot_key, slot_of,
};
use crate::clock::unix_millis;

/// How long the last report may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// The metrics whose hour is kept.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// Of counters and histograms what came in a slot is added up over all processes, of gauges the level. Whole numbers.
    pub summed: &'static [&'static str],
    /// Gauges of something that is there once and that each process measures: the last one stands.
    pub shared: &'static [&'static str],
}

/// The figures of this process.
pub struct Figures {
    /// Where they are written.
    pub client: Client,
    /// What every key starts with.
    pub namespace: String,
    /// The metrics of this process.
    pub metrics: PrometheusHandle,
    /// Those of them that are kept.
    pub kept: Kept,
}

/// The task that reports.
pub struct Reporting {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Figures {
    /// Starts to report for the process `id` of this `kind`.
    pub fn report(self, id: &str, kind: &str) -> Reporting {
        let stop = CancellationToken::new();
        let reporter = Reporter {
            figures: self,
            record: ProcessRecord::of_this(id, kind),
            counted: HashMap::new(),
        };
        let task = tokio::spawn(reporter.run(stop.clone()));
        Reporting { stop, task }
    }
}

impl Reporting {
    /// Reports what came last, and that this process is gone.
    pub async fn end(self) {
        self.stop.cancel();
        if tokio::time::timeout(FAREWELL, self.task).await.is_err() {
            debug!("the last figures could not be written in time");
        }
    }
}

struct Reporter {
    figures: Figures,
    record: ProcessRecord,
    /// What each counter stood at when it was last written.
    counted: HashMap<String, f64>,
}

impl Reporter {
    async fn run(mut self, stop: CancellationToken) {
        // Known at once: a slot is a long time for somebody who has just started it.
        self.introduce().await;
        loop {
            let slot = slot_of(unix_millis());
            let end = (slot + SLOT_S) * 1000;
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(Duration::from_millis(end.saturating_sub(unix_millis()))) => {}
            }
            self.write(slot).await;
        }
        self.write(slot_of(unix_millis())).await;
        let (client, key) = (&self.figures.client, processes_key(&self.figures.namespace));
        let left: FredResult<()> = client.hdel(key, self.record.id.as_str()).await;
        if let Err(error) = left {
            debug!(%error, "could not sign off");
        }
    }

    async fn introduce(&mut self) {
        let pipeline = self.figures.client.pipeline();
        let told: FredResult<()> = async {
            self.describe(&pipeline).await?;
            pipeline.all().await
        }
        .await;
        if let Err(error) = told {
            debug!(%error, "could not describe this process");
        }
    }

    /// A slot that cannot be written is missing from the hour; readiness tells that Redis is away.
    async fn write(&mut self, slot: u64) {
        let text = self.figures.metrics.render();
        let kept = self.figures.kept;
        let read = samples(&text, |metric| {
            kept.summed.contains(&metric) || kept.shared.contains(&metric)
        });
        let pipeline = self.figures.client.pipeline();
        let written: FredResult<()> = async {
            self.queue(&pipeline, slot, &read).await?;
            pipeline.all().await
        }
        .await;
        if let Err(error) = written {
            debug!(%error, "could not write the figures of a slot");
        }
    }

    async fn queue(&mut self, redis: &Pipeline<Client>, slot: u64, read: &[Sample<'_>]) -> FredResult<()> {
        let key = slot_key(&self.figures.namespace, slot);
        for sample in read {
            let field = sample.field.as_str();
            if self.figures.kept.shared.contains(&sample.metric) {
                let _: () = redis.hset(&key, (field, sample.value)).await?;
                continue;
            }
            let since = match sample.nature {
                Nature::Level => sample.value,
                Nature::Count => {
                    let before = self.counted.insert(sample.field.clone(), sample.value);
                    sample.value - before.unwrap_or_default()
                }
            };
            let since = since.round() as i64;
            if since != 0 {
                let _: () = redis.hincrby(&key, field, since).await?;
            }
        }
        let _: () = redis.expire(&key, EXPIRY_S, None).await?;
        self.describe(redis).await
    }

    async fn describe(&mut self, redis: &Pipeline<Client>) -> FredResult<()> {
        self.record.look();
        // Texts and numbers always have a JSON form.
        let json = serde_json::to_string(&self.record).unwrap_or_default();
        let key = processes_key(&self.figures.namespace);
        redis.hset(key, (self.record.id.as_str(), json)).await
    }
}
