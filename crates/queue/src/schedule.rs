//! Recurring jobs: enqueued once per interval, however many workers there are.

use std::time::Duration;

use fred::{
    interfaces::{FredResult, KeysInterface},
    types::{Expiration, SetOptions},
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{Job, Producer};

/// A job that recurs.
#[derive(Debug, Clone)]
pub struct Schedule<J> {
    /// Its name: the lock between processes.
    pub name: &'static str,
    /// How often.
    pub every: Duration,
    /// What is enqueued.
    pub job: J,
}

impl<J: Job> Schedule<J> {
    /// Enqueues the job in each interval unless another process has, until `stop`.
    pub async fn run(self, producer: Producer, stop: CancellationToken) {
        // Looked at a little more often than it is due, so that no interval is left out.
        let mut ticks = tokio::time::interval(self.every / 4);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            match self.is_ours(&producer).await {
                Ok(false) => {}
                Ok(true) => {
                    if let Err(error) = producer.push(&self.job).await {
                        warn!(job = self.name, %error, "could not enqueue a recurring job");
                    }
                }
                Err(error) => warn!(job = self.name, %error, "could not look whether a recurring job is due"),
            }
        }
    }

    async fn is_ours(&self, producer: &Producer) -> FredResult<bool> {
        let (client, namespace) = producer.redis();
        let lasts = Expiration::PX(i64::try_from(self.every.as_millis()).unwrap_or(i64::MAX));
        let key = format!("{namespace}schedule:{}", self.name);
        let set: Option<String> = client
            .set(key, "1", Some(lasts), Some(SetOptions::NX), false)
            .await?;
        Ok(set.is_some())
    }
}
