//! One queue in Redis: the commands on its stream, its consumer group `workers` and its dead letters.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use fred::{
    clients::Client,
    error::Error,
    interfaces::{ClientLike, FredResult, HashesInterface, KeysInterface, LuaInterface, StreamsInterface},
    types::{CustomCommand, Value, streams::XReadResponse},
};

use crate::{Queue, QueueError, StreamConfig};

/// The consumer group: all workers together.
pub(crate) const GROUP: &str = "workers";

/// Entries claimed in one command: Redis does nothing else meanwhile.
const PAGE: usize = 100;

/// Notes about failures are dropped when nothing has failed for so long, in seconds: the jobs are done or dead by then.
const ERRORS_LIVE_S: i64 = 3600;

const LEASE: &str = include_str!("lease.lua");

/// An entry of the stream.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// `<unix ms>-<number>`.
    pub id: String,
    /// The field `job`; none when somebody added an entry without it.
    pub job: Bytes,
    /// Deliveries, this one included.
    pub attempt: u32,
}

/// An entry that somebody holds.
#[derive(Debug)]
pub(crate) struct Pending {
    pub id: String,
    pub deliveries: u32,
}

/// A queue's stream.
#[derive(Clone)]
pub(crate) struct Stream {
    pub client: Client,
    pub queue: Queue,
    key: String,
}

type Entries = XReadResponse<String, String, String, Bytes>;

impl Stream {
    pub(crate) fn new(client: Client, namespace: &str, queue: Queue) -> Self {
        Self {
            client,
            queue,
            key: format!("{namespace}queue:{}", queue.name()),
        }
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    pub(crate) fn dead_key(&self) -> String {
        format!("{}:dead", self.key)
    }

    /// HASH by job: why its last attempt failed. It lives as long as somebody fails.
    pub(crate) fn errors_key(&self) -> String {
        format!("{}:errors", self.key)
    }

    /// The same stream through another connection.
    pub(crate) fn through(&self, client: Client) -> Self {
        Self {
            client,
            queue: self.queue,
            key: self.key.clone(),
        }
    }

    /// Makes the group, with everything that waits already; it may exist.
    pub(crate) async fn create_group(&self) -> Result<(), QueueError> {
        let created: FredResult<Value> = self.client.xgroup_create(&self.key, GROUP, "0", true).await;
        match created {
            Err(error) if !error.details().starts_with("BUSYGROUP") => {
                Err(self.failed("create the consumer group", error))
            }
            _ => Ok(()),
        }
    }

    /// Takes or keeps the lease on new jobs, or gives it up (zero); whether it is `consumer`'s.
    pub(crate) async fn lease(&self, consumer: &str, lasts: Duration) -> Result<bool, QueueError> {
        let key = format!("{}:reader", self.key);
        let arguments = vec![consumer.to_owned(), lasts.as_millis().to_string()];
        let is_theirs: FredResult<bool> = self.client.eval(LEASE, key, arguments).await;
        is_theirs.map_err(|error| self.failed("ask for the lease", error))
    }

    /// Entries that nobody has had, and then what stands at the watched key; waits up to `block_ms` for the first.
    pub(crate) async fn read_new(
        &self,
        config: &StreamConfig,
        count: usize,
        block_ms: u64,
    ) -> Result<(Vec<Entry>, Option<u64>), Error> {
        // Redis does what stands behind a read that blocks when it has ended, and answers both at once.
        let commands = self.client.pipeline();
        let (count, block_ms) = (Some(count as u64), Some(block_ms));
        let _queued: () = commands
            .xreadgroup(
                GROUP,
                config.consumer.as_str(),
                count,
                block_ms,
                false,
                &self.key,
                ">",
            )
            .await?;
        if let Some(key) = &config.watched {
            let _queued: () = commands.get(key.as_str()).await?;
        }
        let mut answers = commands.try_all::<Value>().await.into_iter();
        let read = answers.next().unwrap_or(Ok(Value::Null))?;
        let seen = answers.next().and_then(|seen| seen.ok()?.as_u64());
        if read.is_null() {
            return Ok((Vec::new(), seen));
        }
        let mut streams: Entries = read.into_xread_response()?;
        let entries = streams.remove(&self.key).unwrap_or_default();
        let entries = entries.into_iter().map(|(id, fields)| entry(id, fields, 1));
        Ok((entries.collect(), seen))
    }

    /// The oldest entries whose holder has been silent for `idle_ms`.
    pub(crate) async fn silent(&self, idle_ms: u64, count: usize) -> Result<Vec<Pending>, QueueError> {
        let args: Vec<Value> = vec![
            self.key.as_str().into(),
            GROUP.into(),
            "IDLE".into(),
            int(idle_ms),
            "-".into(),
            "+".into(),
            int(count as u64),
        ];
        let rows: Vec<(String, String, u64, u32)> =
            self.command("XPENDING", args, "look for silent jobs").await?;
        Ok(rows
            .into_iter()
            .map(|(id, _, _, deliveries)| Pending { id, deliveries })
            .collect())
    }

    /// Takes entries over from holders that have been silent; those that somebody else took first are not returned.
    pub(crate) async fn take_over(
        &self,
        consumer: &str,
        idle_ms: u64,
        pending: &[Pending],
    ) -> Result<Vec<Entry>, QueueError> {
        if pending.is_empty() {
            return Ok(Vec::new());
        }
        let mut args = self.claim(consumer, idle_ms);
        args.extend(pending.iter().map(|pending| Value::from(pending.id.as_str())));
        let rows: Vec<(String, HashMap<String, Bytes>)> =
            self.command("XCLAIM", args, "take jobs over").await?;
        let deliveries = |id: &str| pending.iter().find(|p| p.id == id).map_or(0, |p| p.deliveries);
        Ok(rows
            .into_iter()
            .map(|(id, fields)| {
                let attempt = deliveries(&id) + 1;
                entry(id, fields, attempt)
            })
            .collect())
    }

    /// How long ago the oldest entry that somebody holds was added. Reads no entry: they are large.
    pub(crate) async fn oldest_held(&self) -> Result<Option<Duration>, QueueError> {
        let group = vec![self.key.as_str().into(), GROUP.into()];
        let (held, now_ms) = tokio::join!(
            self.command::<Vec<Value>>("XPENDING", group, "look for the oldest job"),
            self.server_time_ms()
        );
        let added_ms = match held {
            Ok(held) => held.get(1).and_then(Value::as_string).map(|id| enqueued_ms(&id)),
            Err(QueueError::Redis { source, .. }) if source.details().starts_with("NOGROUP") => None,
            Err(error) => return Err(error),
        };
        let now_ms = now_ms?;
        Ok(added_ms.map(|added_ms| Duration::from_millis(now_ms.saturating_sub(added_ms))))
    }

    /// What time it is where entries are dated, unix milliseconds.
    pub(crate) async fn server_time_ms(&self) -> Result<u64, QueueError> {
        let parts: Vec<u64> = self.command("TIME", Vec::new(), "ask for the time").await?;
        let [seconds, microseconds] = parts[..] else {
            return Ok(0);
        };
        Ok(seconds * 1000 + microseconds / 1000)
    }

    /// Says that entries are still being worked on.
    pub(crate) async fn vouch(&self, consumer: &str, ids: &[String]) -> Result<(), QueueError> {
        for ids in ids.chunks(PAGE) {
            let mut args = self.claim(consumer, 0);
            args.extend(ids.iter().map(|id| Value::from(id.as_str())));
            args.push("JUSTID".into());
            let _: Value = self.command("XCLAIM", args, "vouch for jobs").await?;
        }
        Ok(())
    }

    /// Gives an entry back after so many `deliveries`: others may take it at once.
    pub(crate) async fn give_back(
        &self,
        config: &StreamConfig,
        id: &str,
        deliveries: u32,
    ) -> Result<(), QueueError> {
        let mut args = self.claim(&config.consumer, 0);
        args.extend([
            Value::from(id),
            "IDLE".into(),
            int(config.takeover.as_millis() as u64),
            "RETRYCOUNT".into(),
            int(u64::from(deliveries)),
            "JUSTID".into(),
        ]);
        let _: Value = self.command("XCLAIM", args, "give a job back").await?;
        Ok(())
    }

    /// Notes why an attempt failed, for operators.
    pub(crate) async fn note_failure(&self, id: &str, why: &str) -> Result<(), QueueError> {
        let run = async {
            let pipeline = self.client.pipeline();
            let _: () = pipeline.hset(self.errors_key(), (id, why)).await?;
            let _: () = pipeline.expire(self.errors_key(), ERRORS_LIVE_S, None).await?;
            pipeline.all::<Value>().await
        };
        run.await
            .map(drop)
            .map_err(|error| self.failed("note a failure", error))
    }

    /// What once failed is done.
    pub(crate) async fn forget_failures(&self, ids: Vec<String>) -> Result<(), QueueError> {
        let forgotten: FredResult<Value> = self.client.hdel(self.errors_key(), ids).await;
        forgotten
            .map(drop)
            .map_err(|error| self.failed("forget failures", error))
    }

    /// Entries are done: deleted, then acknowledged. One that is only deleted, since the connection broke in between, is gone when
    /// somebody takes it over; one that is only acknowledged would lie there unseen.
    pub(crate) async fn done(&self, ids: &[String]) -> Result<(), QueueError> {
        // Not in Lua, which costs Redis three times as much.
        let run = async {
            let pipeline = self.client.pipeline();
            let _: () = pipeline.xdel(&self.key, ids.to_vec()).await?;
            let _: () = pipeline.xack(&self.key, GROUP, ids.to_vec()).await?;
            pipeline.all::<Value>().await
        };
        run.await
            .map(drop)
            .map_err(|error| self.failed("acknowledge jobs", error))
    }

    pub(crate) fn failed(&self, operation: &'static str, source: Error) -> QueueError {
        QueueError::Redis {
            queue: self.queue,
            operation,
            source,
        }
    }

    fn claim(&self, consumer: &str, idle_ms: u64) -> Vec<Value> {
        vec![
            self.key.as_str().into(),
            GROUP.into(),
            consumer.into(),
            int(idle_ms),
        ]
    }

    pub(crate) async fn command<R: fred::types::FromValue>(
        &self,
        name: &'static str,
        args: Vec<Value>,
        operation: &'static str,
    ) -> Result<R, QueueError> {
        let command = CustomCommand::new_static(name, None::<u16>, false);
        self.client
            .custom(command, args)
            .await
            .map_err(|error| self.failed(operation, error))
    }
}

/// When an entry was added, unix milliseconds by the clock of Redis: its id tells.
pub(crate) fn enqueued_ms(id: &str) -> u64 {
    let ms = id.split_once('-').map(|(ms, _)| ms.parse());
    ms.and_then(Result::ok).unwrap_or_default()
}

fn entry(id: String, mut fields: HashMap<String, Bytes>, attempt: u32) -> Entry {
    Entry {
        id,
        job: fields.remove("job").unwrap_or_default(),
        attempt,
    }
}

fn int(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}
