//! Removing consumers from the group: one that leaves, and those of killed workers.
//!
//! XGROUP DELCONSUMER forgets what a consumer holds, and nobody would ever run these jobs. So looking and removing are
//! one script: no consumer takes a job in between.

use fred::{
    interfaces::{FredResult, LuaInterface},
    types::Value,
};

use crate::{
    Producer, Queue, QueueError,
    stream::{GROUP, Stream},
};

const REMOVE: &str = include_str!("remove_consumers.lua");

impl Stream {
    /// Removes a consumer unless it holds jobs: then it is removed later, when others have taken them.
    pub(crate) async fn leave(&self, consumer: &str) -> Result<(), QueueError> {
        self.remove_consumers(0, consumer).await.map(drop)
    }

    async fn remove_consumers(&self, idle_ms: u64, name: &str) -> Result<u64, QueueError> {
        let idle_ms = i64::try_from(idle_ms).unwrap_or(i64::MAX);
        let args: Vec<Value> = vec![GROUP.into(), idle_ms.into(), name.into()];
        let removed: FredResult<u64> = self.client.eval(REMOVE, self.key(), args).await;
        removed.map_err(|error| self.failed("remove consumers", error))
    }
}

impl Producer {
    /// Removes consumers of all queues that have been silent for `idle_ms` and hold nothing; answers how many.
    pub async fn remove_dead_consumers(&self, idle_ms: u64) -> Result<u64, QueueError> {
        let mut removed = 0;
        for queue in Queue::ALL {
            removed += self.stream(queue).remove_consumers(idle_ms, "").await?;
        }
        Ok(removed)
    }
}
