//! Jobs that were given up: kept for an operator to look at, to try again or to throw away.

use std::collections::HashMap;

use bytes::Bytes;
use fred::{
    interfaces::{FredResult, StreamsInterface, TransactionInterface},
    types::Value,
};

use crate::{
    Producer, Queue, QueueError,
    held::HeldJob,
    stream::{GROUP, Stream, enqueued_ms},
};

/// A job that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its place among the dead letters, `<unix ms>-<number>`: when it was given up.
    pub id: String,
    /// The job's JSON.
    pub job: String,
    /// Why it was given up.
    pub error: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was enqueued, unix milliseconds.
    pub enqueued_ms: u64,
}

impl Stream {
    /// Moves a job to the dead letters, in one step.
    pub(crate) async fn bury(
        &self,
        id: &str,
        job: &HeldJob,
        error: &str,
        max_dead: u64,
    ) -> Result<(), QueueError> {
        let fields: Vec<(&str, Value)> = vec![
            ("job", Value::Bytes(job.json.clone())),
            ("error", error.into()),
            ("attempts", i64::from(job.attempt).into()),
            ("id", id.into()),
        ];
        let run = async {
            let transaction = self.client.multi();
            let cap = ("MAXLEN", "~", i64::try_from(max_dead).unwrap_or(i64::MAX));
            let _: () = transaction.xadd(self.dead_key(), false, cap, "*", fields).await?;
            let _: () = transaction.xack(self.key(), GROUP, id).await?;
            let _: () = transaction.xdel(self.key(), id).await?;
            transaction.exec::<Value>(true).await
        };
        run.await
            .map(drop)
            .map_err(|error| self.failed("bury a job", error))
    }
}

impl Producer {
    /// The newest dead letters of a queue, at most `count`.
    pub async fn dead_letters(&self, queue: Queue, count: u64) -> Result<Vec<DeadLetter>, QueueError> {
        let stream = self.stream(queue);
        let rows: FredResult<Vec<(String, HashMap<String, Bytes>)>> = stream
            .client
            .xrevrange_values(stream.dead_key(), "+", "-", Some(count))
            .await;
        let rows = rows.map_err(|error| stream.failed("read dead letters", error))?;
        Ok(rows.into_iter().map(|(id, fields)| letter(id, &fields)).collect())
    }

    /// Enqueues a dead letter again; whether it was still there.
    pub async fn retry_dead_letter(&self, queue: Queue, id: &str) -> Result<bool, QueueError> {
        let stream = self.stream(queue);
        let rows: FredResult<Vec<(String, HashMap<String, Bytes>)>> = stream
            .client
            .xrange_values(stream.dead_key(), id, id, Some(1))
            .await;
        let rows = rows.map_err(|error| stream.failed("read a dead letter", error))?;
        let Some((id, fields)) = rows.into_iter().next() else {
            return Ok(false);
        };
        self.push_json(queue, letter(id.clone(), &fields).job).await?;
        self.delete_dead_letter(queue, &id).await
    }

    /// Throws a dead letter away; whether it was still there.
    pub async fn delete_dead_letter(&self, queue: Queue, id: &str) -> Result<bool, QueueError> {
        let stream = self.stream(queue);
        let deleted: FredResult<u64> = stream.client.xdel(stream.dead_key(), id).await;
        deleted
            .map(|count| count > 0)
            .map_err(|error| stream.failed("delete a dead letter", error))
    }
}

fn letter(id: String, fields: &HashMap<String, Bytes>) -> DeadLetter {
    let text = |name: &str| {
        fields
            .get(name)
            .map(|value| String::from_utf8_lossy(value).into_owned())
            .unwrap_or_default()
    };
    DeadLetter {
        id,
        job: text("job"),
        error: text("error"),
        attempts: text("attempts").parse().unwrap_or_default(),
        enqueued_ms: enqueued_ms(&text("id")),
    }
}
