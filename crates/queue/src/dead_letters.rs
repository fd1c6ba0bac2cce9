//! Jobs that were given up: kept for an operator to look at, to try again or to throw away.

use std::collections::HashMap;

use bytes::Bytes;
use fred::{
    interfaces::{FredResult, LuaInterface, StreamsInterface},
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

type Rows = Vec<(String, HashMap<String, Bytes>)>;

impl Stream {
    /// Moves a job to the dead letters, in one step.
    pub(crate) async fn bury(
        &self,
        id: &str,
        job: &HeldJob,
        error: &str,
        max_dead: u64,
    ) -> Result<(), QueueError> {
        let keys = vec![self.key().to_owned(), self.dead_key(), self.errors_key()];
        let arguments: Vec<Value> = vec![
            GROUP.into(),
            id.into(),
            max_dead.to_string().into(),
            Value::Bytes(job.json.clone()),
            error.into(),
            job.attempt.to_string().into(),
        ];
        let buried: FredResult<Value> = self.client.eval(BURY, keys, arguments).await;
        buried.map(drop).map_err(|error| self.failed("bury a job", error))
    }
}

/// Letters retried in one script: Redis does nothing else meanwhile.
const PAGE: u64 = 100;

const BURY: &str = include_str!("bury.lua");

const RETRY: &str = include_str!("retry_dead_letters.lua");

const REVISE: &str = include_str!("revise_dead_letter.lua");

impl Producer {
    /// The newest dead letters of a queue, at most `count`.
    pub async fn dead_letters(&self, queue: Queue, count: u64) -> Result<Vec<DeadLetter>, QueueError> {
        self.dead_letters_before(queue, None, count).await
    }

    /// The newest dead letters that are older than the one with the id `before`, at most `count`.
    pub async fn dead_letters_before(
        &self,
        queue: Queue,
        before: Option<&str>,
        count: u64,
    ) -> Result<Vec<DeadLetter>, QueueError> {
        let stream = self.stream(queue);
        let end = before.map_or_else(|| "+".to_owned(), |id| format!("({id}"));
        let rows: FredResult<Rows> = stream
            .client
            .xrevrange_values(stream.dead_key(), end, "-", Some(count))
            .await;
        let rows = rows.map_err(|error| stream.failed("read dead letters", error))?;
        Ok(rows.into_iter().map(|(id, fields)| letter(id, &fields)).collect())
    }

    /// A dead letter by its id.
    pub async fn dead_letter(&self, queue: Queue, id: &str) -> Result<Option<DeadLetter>, QueueError> {
        let rows = self.dead_letter_rows(queue, id, id, 1).await?;
        Ok(rows.into_iter().next().map(|(id, fields)| letter(id, &fields)))
    }

    /// Enqueues a dead letter again; whether it was still there.
    pub async fn retry_dead_letter(&self, queue: Queue, id: &str) -> Result<bool, QueueError> {
        Ok(self.retry(queue, vec![id.to_owned()]).await? > 0)
    }

    /// Enqueues all dead letters again that are not newer than the one with the id `up_to`, the oldest first; answers how
    /// many. Those that die again come behind it and are left alone.
    pub async fn retry_dead_letters(&self, queue: Queue, up_to: &str) -> Result<u64, QueueError> {
        let mut retried = 0;
        loop {
            let rows = self.dead_letter_rows(queue, "-", up_to, PAGE).await?;
            let ids: Vec<String> = rows.into_iter().map(|(id, _)| id).collect();
            if ids.is_empty() {
                return Ok(retried);
            }
            retried += self.retry(queue, ids).await?;
        }
    }

    /// Throws a dead letter away; whether it was still there.
    pub async fn delete_dead_letter(&self, queue: Queue, id: &str) -> Result<bool, QueueError> {
        let stream = self.stream(queue);
        let deleted: FredResult<u64> = stream.client.xdel(stream.dead_key(), id).await;
        deleted
            .map(|count| count > 0)
            .map_err(|error| stream.failed("delete a dead letter", error))
    }

    /// Throws all dead letters away that are not newer than the one with the id `up_to`; answers how many.
    pub async fn delete_dead_letters(&self, queue: Queue, up_to: &str) -> Result<u64, QueueError> {
        let stream = self.stream(queue);
        let mut deleted = 0;
        loop {
            let rows = self.dead_letter_rows(queue, "-", up_to, PAGE).await?;
            let ids: Vec<String> = rows.into_iter().map(|(id, _)| id).collect();
            if ids.is_empty() {
                return Ok(deleted);
            }
            let count: FredResult<u64> = stream.client.xdel(stream.dead_key(), ids).await;
            deleted += count.map_err(|error| stream.failed("delete dead letters", error))?;
        }
    }

    /// Gives a dead letter another job; whether it was still there. It counts as given up now.
    pub async fn revise_dead_letter(&self, queue: Queue, id: &str, job: String) -> Result<bool, QueueError> {
        let stream = self.stream(queue);
        let arguments = vec![id.to_owned(), job];
        let revised: FredResult<u64> = stream.client.eval(REVISE, stream.dead_key(), arguments).await;
        revised
            .map(|count| count > 0)
            .map_err(|error| stream.failed("revise a dead letter", error))
    }

    async fn retry(&self, queue: Queue, ids: Vec<String>) -> Result<u64, QueueError> {
        let stream = self.stream(queue);
        let keys = vec![stream.key().to_owned(), stream.dead_key()];
        let retried: FredResult<u64> = stream.client.eval(RETRY, keys, ids).await;
        retried.map_err(|error| stream.failed("retry dead letters", error))
    }

    async fn dead_letter_rows(
        &self,
        queue: Queue,
        start: &str,
        end: &str,
        count: u64,
    ) -> Result<Rows, QueueError> {
        let stream = self.stream(queue);
        let rows: FredResult<Rows> = stream
            .client
            .xrange_values(stream.dead_key(), start, end, Some(count))
            .await;
        rows.map_err(|error| stream.failed("read dead letters", error))
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
