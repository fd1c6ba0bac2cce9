//! The near end of the queues.

use std::time::Duration;

use fred::{
    clients::Client,
    interfaces::{FredResult, StreamsInterface},
};

use crate::{Depth, Job, Queue, QueueError, stream::Stream};

/// Appends jobs. Cheap to clone; what is awaited together shares a round trip.
#[derive(Clone)]
pub struct Producer {
    client: Client,
    namespace: String,
}

impl Producer {
    /// A producer through a connected client.
    pub fn new(client: Client, namespace: &str) -> Self {
        Self {
            client,
            namespace: namespace.to_owned(),
        }
    }

    /// Appends a job; answers with its id, `<unix ms>-<number>`.
    pub async fn push<J: Job>(&self, job: &J) -> Result<String, QueueError> {
        let json = serde_json::to_string(job).map_err(|source| QueueError::Encode {
            queue: J::QUEUE,
            source,
        })?;
        self.push_json(J::QUEUE, json).await
    }

    /// Appends a job that is JSON already.
    pub async fn push_json(&self, queue: Queue, json: String) -> Result<String, QueueError> {
        let added: FredResult<String> = self
            .client
            .xadd(self.stream(queue).key(), false, None, "*", ("job", json))
            .await;
        added.map_err(|source| QueueError::Redis {
            queue,
            operation: "enqueue a job",
            source,
        })
    }

    /// Jobs in a queue, those that run included.
    pub async fn waiting(&self, queue: Queue) -> Result<u64, QueueError> {
        let length: FredResult<u64> = self.client.xlen(self.stream(queue).key()).await;
        length.map_err(|source| QueueError::Redis {
            queue,
            operation: "measure the length",
            source,
        })
    }

    /// How old the oldest job is that a worker has taken and not settled; `None` when there is none.
    pub async fn oldest_held(&self, queue: Queue) -> Result<Option<Duration>, QueueError> {
        self.stream(queue).oldest_held().await
    }

    /// How much waits in a queue, and for how long.
    pub async fn depth(&self, queue: Queue) -> Result<Depth, QueueError> {
        Depth::measure(&self.stream(queue)).await
    }

    /// The stream of a queue.
    pub(crate) fn stream(&self, queue: Queue) -> Stream {
        Stream::new(self.client.clone(), &self.namespace, queue)
    }

    /// The client and what its keys start with.
    pub(crate) fn redis(&self) -> (&Client, &str) {
        (&self.client, &self.namespace)
    }
}
