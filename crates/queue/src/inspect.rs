//! Looking into a queue without a part in it: nothing here takes a job, vouches for one, or makes a consumer. What is read
//! may be old by the time it is shown.

use std::collections::HashMap;

use bytes::Bytes;
use fred::{
    interfaces::{FredResult, HashesInterface, StreamsInterface},
    types::Value,
};

use crate::{
    Producer, Queue, QueueError,
    stream::{GROUP, Stream, enqueued_ms},
};

/// A job that is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedJob {
    /// Its id, `<unix ms>-<number>`.
    pub id: String,
    /// Its JSON.
    pub job: String,
    /// When it was enqueued, unix milliseconds.
    pub enqueued_ms: u64,
    /// Whoever took it last; `None` while it waits.
    pub held: Option<Holder>,
    /// Why the last attempt failed.
    pub error: Option<String>,
}

/// Who has a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The consumer: `<queue>:<worker process>`.
    pub consumer: String,
    /// Deliveries so far.
    pub attempt: u32,
    /// Milliseconds since the consumer took it or vouched for it. When the takeover time has passed, it is free to be taken.
    pub silent_ms: u64,
}

/// A worker's place in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerInfo {
    /// `<queue>:<worker process>`.
    pub name: String,
    /// Jobs that it has.
    pub holds: u64,
    /// Milliseconds since it last asked for jobs: its heartbeat. One that lives asks at least twice a second.
    pub silent_ms: u64,
}

type Rows = Vec<(String, HashMap<String, Bytes>)>;

impl Producer {
    /// Jobs that wait or run, the oldest first: at most `count` after the one with the id `after`.
    pub async fn jobs(
        &self,
        queue: Queue,
        after: Option<&str>,
        count: u64,
    ) -> Result<Vec<QueuedJob>, QueueError> {
        let start = after.map_or_else(|| "-".to_owned(), |id| format!("({id}"));
        self.stream(queue).look(&start, "+", count).await
    }

    /// One job, if it is not done yet.
    pub async fn job(&self, queue: Queue, id: &str) -> Result<Option<QueuedJob>, QueueError> {
        let found = self.stream(queue).look(id, id, 1).await?;
        Ok(found.into_iter().next())
    }

    /// The consumers of a queue, by name.
    pub async fn consumers(&self, queue: Queue) -> Result<Vec<ConsumerInfo>, QueueError> {
        let stream = self.stream(queue);
        let rows: FredResult<Vec<HashMap<String, Value>>> =
            stream.client.xinfo_consumers(stream.key(), GROUP).await;
        let rows = match rows {
            // No worker has been there yet.
            Err(error) if is_nothing_there(&error) => return Ok(Vec::new()),
            rows => rows.map_err(|error| stream.failed("list the consumers", error))?,
        };
        let mut consumers: Vec<ConsumerInfo> = rows
            .iter()
            .map(|row| ConsumerInfo {
                name: row.get("name").and_then(Value::as_string).unwrap_or_default(),
                holds: row.get("pending").and_then(Value::as_u64).unwrap_or_default(),
                silent_ms: row.get("idle").and_then(Value::as_u64).unwrap_or_default(),
            })
            .collect();
        consumers.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(consumers)
    }
}

impl Stream {
    async fn look(&self, start: &str, end: &str, count: u64) -> Result<Vec<QueuedJob>, QueueError> {
        let rows: FredResult<Rows> = self
            .client
            .xrange_values(self.key(), start, end, Some(count))
            .await;
        let rows = rows.map_err(|error| self.failed("read jobs", error))?;
        let (Some((first, _)), Some((last, _))) = (rows.first(), rows.last()) else {
            return Ok(Vec::new());
        };
        let mut holders = self.holders(first, last, rows.len()).await?;
        let mut errors = self.errors(&holders).await?;
        let jobs = rows.into_iter().map(|(id, fields)| QueuedJob {
            job: text(&fields, "job"),
            enqueued_ms: enqueued_ms(&id),
            held: holders.remove(&id),
            error: errors.remove(&id),
            id,
        });
        Ok(jobs.collect())
    }

    /// Who has the jobs of a range, by job.
    async fn holders(
        &self,
        first: &str,
        last: &str,
        count: usize,
    ) -> Result<HashMap<String, Holder>, QueueError> {
        let args: Vec<Value> = vec![
            self.key().into(),
            GROUP.into(),
            first.into(),
            last.into(),
            i64::try_from(count).unwrap_or(i64::MAX).into(),
        ];
        let rows: Result<Vec<(String, String, u64, u32)>, _> =
            self.command("XPENDING", args, "look who has the jobs").await;
        let rows = match rows {
            Err(QueueError::Redis { source, .. }) if is_nothing_there(&source) => Vec::new(),
            rows => rows?,
        };
        let holders = rows.into_iter().map(|(id, consumer, silent_ms, attempt)| {
            let holder = Holder {
                consumer,
                attempt,
                silent_ms,
            };
            (id, holder)
        });
        Ok(holders.collect())
    }

    async fn errors(&self, of: &HashMap<String, Holder>) -> Result<HashMap<String, String>, QueueError> {
        if of.is_empty() {
            return Ok(HashMap::new());
        }
        let ids: Vec<&str> = of.keys().map(String::as_str).collect();
        let texts: FredResult<Vec<Option<String>>> = self.client.hmget(self.errors_key(), ids.clone()).await;
        let texts = texts.map_err(|error| self.failed("read errors", error))?;
        let known = ids.into_iter().zip(texts);
        Ok(known
            .filter_map(|(id, text)| Some((id.to_owned(), text?)))
            .collect())
    }
}

/// The stream or its group is not there: nobody has used the queue yet.
fn is_nothing_there(error: &fred::error::Error) -> bool {
    error.details().contains("no such key") || error.details().contains("NOGROUP")
}

fn text(fields: &HashMap<String, Bytes>, name: &str) -> String {
    fields
        .get(name)
        .map(|value| String::from_utf8_lossy(value).into_owned())
        .unwrap_or_default()
}
