//! The app on a database and a namespace of its own, with an operator who is signed in.

use std::{sync::Arc, time::Duration};

use admin::{
    App, Parts,
    hour::{Hour, Point, QueuePoint},
    router,
};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode, header},
};
use protocol::VerifiedEvent;
use pubsub::{Desk, Keys, LatestEvents, Publisher};
use queue::{Producer, Queue};
use runtime::{config::Config, redis};
use sha2::{Digest, Sha256};
use store::{NewOperator, NewSession, Store};
use testkit::{TestDatabase, TestRedis, redis_url};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

const TOKEN: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

pub struct Admin {
    pub store: Store,
    pub producer: Producer,
    pub latest: LatestEvents,
    pub redis: TestRedis,
    _database: TestDatabase,
    hours: watch::Sender<Arc<Hour>>,
    router: Router,
}

/// A page as it came.
pub struct Answer {
    pub status: StatusCode,
    /// Where a redirect leads; empty for a page.
    pub location: String,
    pub body: String,
}

impl Admin {
    pub async fn start() -> Self {
        let (database, redis) = (TestDatabase::create().await, TestRedis::connect().await);
        let environment = [
            ("REDIS_URL", redis_url()),
            ("DATABASE_URL", database.url.clone()),
            ("SWITCHYARD_REDIS__NAMESPACE", redis.namespace.clone()),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value));
        let config = Config::from_sources(None, environment).unwrap();
        let (client, keys) = (
            redis::connect(&redis_url(), "test").await.unwrap(),
            Keys::new(redis.namespace.clone()),
        );
        let store = Store::connect(&database.url, 5, Duration::from_secs(20))
            .await
            .unwrap();
        let NewOperator::Created(operator) = store.create_operator("olga", None, true).await.unwrap() else {
            panic!("she is the first");
        };
        let session = NewSession {
            operator,
            token_hash: &Sha256::digest(TOKEN).into(),
            address: "127.0.0.1",
            user_agent: "test",
            idle: Duration::from_secs(3600),
        };
        store.begin_session(session).await.unwrap();
        let producer = Producer::new(client.clone(), keys.namespace());
        let latest = LatestEvents::new(client.clone(), keys.clone());
        let (hours, receiver) = watch::channel(Arc::default());
        let app = App::new(Parts {
            config,
            store: store.clone(),
            desk: Desk::new(client.clone(), keys.clone()),
            publisher: Publisher::new(client.clone(), keys.clone()),
            producer: producer.clone(),
            hours: receiver,
            latest: latest.clone(),
            viewers: Arc::new(Semaphore::new(2)),
            stopping: CancellationToken::new(),
            data: client,
            keys,
        });
        Self {
            router: router(app),
            store,
            producer,
            latest,
            redis,
            _database: database,
            hours,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        let request = Request::get(path).header(header::COOKIE, format!("switchyard_session={TOKEN}"));
        self.ask(request.body(Body::empty()).unwrap()).await
    }

    /// As somebody whom nobody knows.
    pub async fn get_as_a_stranger(&self, path: &str) -> Answer {
        self.ask(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// The page, or the bug.
    pub async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        answer.body
    }

    /// Sends a form with the token that the app's own forms carry.
    pub async fn post(&self, path: &str, fields: &str) -> Answer {
        let page = self.page("/account").await;
        let (_, token) = page.split_once(r#"name="csrf" value=""#).unwrap();
        let token = token.split('"').next().unwrap().to_owned();
        self.post_with(path, &format!("csrf={token}&{fields}")).await
    }

    pub async fn post_with(&self, path: &str, form: &str) -> Answer {
        let request = Request::post(path)
            .header(header::COOKIE, format!("switchyard_session={TOKEN}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.ask(request.body(Body::from(form.to_owned())).unwrap()).await
    }

    async fn ask(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let location = response.headers().get(header::LOCATION);
        let location = location
            .map_or("", |location| location.to_str().unwrap())
            .to_owned();
        let status = response.status();
        let body = to_bytes(response.into_body(), 10_000_000).await.unwrap();
        Answer {
            status,
            location,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub async fn save(&self, events: &[&VerifiedEvent]) {
        for event in events {
            self.store.save(&[event]).await.unwrap();
        }
    }

    /// An hour in which every slot was alike.
    pub fn an_hour_passes(&self) {
        let now_ms = 1_700_003_600_000;
        let point = Arc::new(Point {
            is_written: true,
            connections: 1234.0,
            subscriptions: 5000.0,
            messages: 600.0,
            stored: 500.0,
            events: 550.0,
            deliveries: 60_000.0,
            received_bytes: 5e5,
            sent_bytes: 5e7,
            queues: [QueuePoint {
                waiting: 3.0,
                running: 2.0,
                oldest_ms: 40.0,
                done: 100.0,
                ..QueuePoint::default()
            }; Queue::ALL.len()],
            postgres_s: Some(0.0004),
            redis_s: Some(0.0001),
            ..Point::default()
        });
        let slot = |n: u64| {
            let start = now_ms / 1000 - 3600 + n * 5;
            Arc::new(Point {
                start,
                ..Point::clone(&point)
            })
        };
        self.hours.send_replace(Arc::new(Hour {
            now_ms,
            points: (0..720).map(slot).collect(),
            ..Hour::default()
        }));
    }
}

/// What stands between the navigation and the end, without what differs from run to run.
pub fn content(page: &str) -> String {
    let (_, main) = page.split_once("<main").unwrap();
    let (main, _) = main.split_once("</main>").unwrap();
    let mut text = String::new();
    let mut rest = main;
    while let Some((before, after)) = rest.split_once(r#"name="csrf" value=""#) {
        text.push_str(before);
        text.push_str(r#"name="csrf" value="[csrf]"#);
        rest = after.trim_start_matches(|c: char| c.is_ascii_hexdigit());
    }
    without_lines(&(text + rest))
}

/// What is drawn is tested where it is drawn.
fn without_lines(page: &str) -> String {
    let mut text = String::new();
    let mut rest = page;
    while let Some((before, after)) = rest.split_once(r#" d=""#) {
        let (line, after) = after.split_once('"').unwrap();
        let line = if line.len() < 100 { line } else { "[line]" };
        text.push_str(&format!(r#"{before} d="{line}""#));
        rest = after;
    }
    text + rest
}
