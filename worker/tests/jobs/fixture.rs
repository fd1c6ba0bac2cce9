//! A worker, and the test in the place of a relay-ws process.

use std::time::Duration;

use bytes::Bytes;
use metrics_exporter_prometheus::PrometheusBuilder;
use protocol::{EventId, Filter, Reader, SubscriptionId, VerifiedEvent};
use pubsub::{
    Channel, Command, ConnectionId, FoundPage, Incoming, Keys, LivePage, ProcessId, Reply, ReplyPage,
    Subscriber,
};
use queue::{
    Job, Producer, Queue,
    jobs::{Client, NewEventsJson, NewSubscription, Version},
};
use runtime::{config::Config, redis, shutdown::Shutdown};
use serde_json::{Value, json};
use store::Store;
use testkit::{TestDatabase, TestRedis, redis_url};
use tokio::{task::JoinHandle, time::Instant};

/// How long anything may take. Generous: it bounds a failing test, no passing one waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Fixture {
    pub database: TestDatabase,
    pub redis: TestRedis,
    pub store: Store,
    pub producer: Producer,
    pub process: ProcessId,
    subscriber: Subscriber,
    config: Config,
    shutdown: Shutdown,
}

/// What a relay-ws process hears.
#[derive(Debug)]
pub enum Heard {
    Replies(Vec<Reply>),
    Stored(FoundPage),
    Live(LivePage),
    /// For plugins.
    Copy(Bytes),
}

impl Fixture {
    /// A worker with the default settings.
    pub async fn start() -> Self {
        let fixture = Self::idle(&[]).await;
        fixture.work();
        fixture
    }

    /// Everything but the worker. Settings: `("LIMITS__MAX_LIMIT", "5")`.
    pub async fn idle(settings: &[(&str, &str)]) -> Self {
        let (database, redis) = (TestDatabase::create().await, TestRedis::connect().await);
        let mut environment = vec![
            ("REDIS_URL".to_owned(), redis_url()),
            ("DATABASE_URL".to_owned(), database.url.clone()),
            ("SWITCHYARD_REDIS__NAMESPACE".to_owned(), redis.namespace.clone()),
            ("SWITCHYARD_HEALTH__WORKER_LISTEN".to_owned(), String::new()),
            ("SWITCHYARD_POSTGRES__MAX_CONNECTIONS".to_owned(), "6".to_owned()),
            // Redis tells of subscribers to every namespace, those of other tests too: copies only where a test asks for them.
            ("SWITCHYARD_PLUGINS__COPIES".to_owned(), "never".to_owned()),
        ];
        let set = settings
            .iter()
            .map(|(key, value)| (format!("SWITCHYARD_{key}"), (*value).to_owned()));
        environment.extend(set);
        let config = Config::from_sources(None, environment).unwrap();
        let (process, keys) = (ProcessId::random(), Keys::new(redis.namespace.clone()));
        let client = redis::connect(&redis_url(), "test").await.unwrap();
        Self {
            store: Store::connect(&database.url, 5, PATIENCE).await.unwrap(),
            producer: Producer::new(client, &redis.namespace),
            subscriber: Subscriber::connect(&redis_url(), &keys, process).await.unwrap(),
            shutdown: Shutdown::default(),
            database,
            redis,
            process,
            config,
        }
    }

    /// Starts a worker.
    pub fn work(&self) -> JoinHandle<()> {
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let (config, shutdown) = (self.config.clone(), self.shutdown.clone());
        tokio::spawn(async move { worker::run(config, metrics, shutdown).await.unwrap() })
    }

    /// Asks the worker to finish.
    pub fn finish(&self) {
        self.shutdown.soft.cancel();
    }

    pub fn connection(&self) -> ConnectionId {
        ConnectionId::random(self.process)
    }

    /// Enqueues events of one client as one job.
    pub async fn submit(&self, events: &[&VerifiedEvent]) -> ConnectionId {
        let connection = self.connection();
        let mut job = NewEventsJson::default();
        for event in events {
            job.push(connection.as_str(), &Client::default(), None, event.json());
        }
        self.push_json(Queue::Event, job).await;
        connection
    }

    pub async fn push_json(&self, queue: Queue, job: NewEventsJson) {
        self.producer.push_json(queue, job.finish()).await.unwrap();
    }

    pub async fn push(&self, job: &impl Job) {
        self.producer.push(job).await.unwrap();
    }

    /// Enqueues a REQ.
    pub async fn ask(&self, filters: Value) -> ConnectionId {
        let connection = self.connection();
        self.push(&req(connection, filters)).await;
        connection
    }

    /// A worker took the oldest event job, and was never heard of again.
    pub async fn ghost_takes_an_event_job(&self) {
        let stream = self.redis.key("queue:nostr:event");
        let create = ["CREATE", stream.as_str(), "workers", "0", "MKSTREAM"];
        self.redis.run::<String>("XGROUP", &create).await;
        let read = [
            "GROUP",
            "workers",
            "ghost",
            "COUNT",
            "1",
            "STREAMS",
            stream.as_str(),
            ">",
        ];
        self.redis.order("XREADGROUP", &read).await;
    }

    /// The next message.
    pub async fn hear(&mut self) -> Heard {
        tokio::time::timeout(PATIENCE, self.listen())
            .await
            .expect("the worker says something")
    }

    async fn listen(&mut self) -> Heard {
        let Some(Incoming::Message { channel, payload }) = self.subscriber.next().await else {
            panic!("pub/sub broke");
        };
        let channel = Channel::parse(&channel).unwrap();
        match (channel.command, channel.subscription) {
            // A worker that starts has all levels looked up.
            (Command::Levels, None) => Box::pin(self.listen()).await,
            (Command::Replies, None) => {
                Heard::Replies(ReplyPage::parse(&payload).map(Result::unwrap).collect())
            }
            (Command::FoundEvents, Some("a:b")) => Heard::Stored(FoundPage::parse(payload).unwrap()),
            (Command::FoundEvents, None) => Heard::Live(LivePage::parse(payload).unwrap()),
            (Command::FoundEvent, None) => Heard::Copy(payload),
            other => panic!("not of a worker: {other:?}"),
        }
    }

    /// The next message: ids of new events.
    pub async fn live(&mut self) -> Vec<EventId> {
        match self.hear().await {
            Heard::Live(page) => page.events().map(|(id, _)| id).collect(),
            other => panic!("new events expected: {other:?}"),
        }
    }

    /// The next message: answers.
    pub async fn replies(&mut self) -> Vec<Reply> {
        match self.hear().await {
            Heard::Replies(replies) => replies,
            other => panic!("answers expected: {other:?}"),
        }
    }

    /// The next message: one answer.
    pub async fn reply(&mut self) -> Reply {
        let mut replies = self.replies().await;
        assert_eq!(replies.len(), 1, "{replies:?}");
        replies.remove(0)
    }

    /// The next message: OKs, as ids, whether they accept, and their texts.
    pub async fn oks(&mut self) -> Vec<(EventId, bool, String)> {
        let read = |reply| match reply {
            Reply::Ok {
                event,
                accepted,
                message,
                ..
            } => (event, accepted, message),
            other => panic!("an OK expected: {other:?}"),
        };
        self.replies().await.into_iter().map(read).collect()
    }

    /// OKs in the next message that has any; other messages are passed over.
    pub async fn count_oks(&mut self) -> usize {
        loop {
            if let Heard::Replies(replies) = self.hear().await {
                return replies.len();
            }
        }
    }

    /// The next message: a page of stored events.
    pub async fn stored(&mut self) -> FoundPage {
        match self.hear().await {
            Heard::Stored(page) => page,
            other => panic!("stored events expected: {other:?}"),
        }
    }

    /// Whether an event is in the store.
    pub async fn is_stored(&self, event: &VerifiedEvent) -> bool {
        let filter: Filter = serde_json::from_value(json!({"ids": [event.id()], "limit": 1})).unwrap();
        let found = self.store.query(&[filter], &Reader::OPERATOR, 0).await.unwrap();
        found
            .events
            .first()
            .is_some_and(|stored| stored.json == event.json())
    }

    /// Dead letters of the event queue.
    pub async fn dead(&self) -> usize {
        self.producer.dead_letters(Queue::Event, 10).await.unwrap().len()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.shutdown.hard.cancel();
    }
}

/// A REQ of an anonymous client.
pub fn req(connection: ConnectionId, filters: Value) -> NewSubscription {
    NewSubscription {
        v: Version,
        connection: connection.as_str().to_owned(),
        subscription: SubscriptionId::new("a:b").unwrap(),
        generation: 7,
        client: Client::default(),
        filters: serde_json::from_value(filters).unwrap(),
    }
}

/// Waits for a condition.
pub async fn until(what: &str, mut is_true: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_true().await {
        assert!(Instant::now() < deadline, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
