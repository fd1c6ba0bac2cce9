//! Who works: the consumers of all queues, put together by process.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use queue::{ConsumerInfo, Queue};
use runtime::figures::ProcessRecord;

use crate::{
    App,
    hour::Hour,
    web::{PageError, duration},
};

/// A consumer asks for jobs at least twice a second; what is silent longer is stuck or dead.
const SILENCE_MS: u64 = 5_000;

/// A worker process.
pub struct Worker {
    /// The end of its consumers' names.
    pub id: String,
    /// What it tells of itself.
    pub record: Option<ProcessRecord>,
    /// What it has in each queue.
    pub consumers: Vec<(Queue, ConsumerInfo)>,
}

impl Worker {
    /// Milliseconds since its last sign of life in any queue.
    pub fn silent_ms(&self) -> u64 {
        let silences = self.consumers.iter().map(|(_, consumer)| consumer.silent_ms);
        silences.min().unwrap_or_default()
    }

    /// How long ago that was.
    pub fn silence(&self) -> String {
        duration(self.silent_ms() as f64 / 1000.0)
    }

    /// Whether it gives signs of life.
    pub fn is_alive(&self) -> bool {
        self.silent_ms() < SILENCE_MS
    }

    /// Jobs that it has.
    pub fn holds(&self) -> u64 {
        self.consumers.iter().map(|(_, consumer)| consumer.holds).sum()
    }
}

/// All workers that the queues know, those that are gone included until they are cleaned up.
pub async fn all(app: &App, hour: &Hour) -> Result<Vec<Worker>, PageError> {
    let consumers = try_join_all(Queue::ALL.map(|queue| app.producer.consumers(queue))).await?;
    let mut workers: BTreeMap<String, Vec<(Queue, ConsumerInfo)>> = BTreeMap::new();
    for (queue, consumers) in Queue::ALL.into_iter().zip(consumers) {
        for consumer in consumers {
            let id = process_of(&consumer.name).to_owned();
            workers.entry(id).or_default().push((queue, consumer));
        }
    }
    let record = |id: &str| hour.processes.iter().find(|process| process.id == id).cloned();
    Ok(workers
        .into_iter()
        .map(|(id, consumers)| Worker {
            record: record(&id),
            id,
            consumers,
        })
        .collect())
}

/// `<queue>:<process>`, and a queue's name may hold colons itself.
pub fn process_of(consumer: &str) -> &str {
    consumer.rsplit_once(':').map_or(consumer, |(_, process)| process)
}
