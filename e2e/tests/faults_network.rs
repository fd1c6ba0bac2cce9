//! The wires between the processes and their servers are slow, break, or swallow everything: what was answered true is
//! stored, and the relay is back by itself.

use std::time::Duration;

use testkit::{Load, Proxy, Stack, StackBuilder, TestDatabase, Wire, note};

/// A stack with a wire to Redis and one to Postgres.
struct Wired {
    stack: Stack,
    redis: Proxy,
    postgres: Proxy,
    /// What the stack works on, behind its wire.
    _database: TestDatabase,
}

impl Wired {
    async fn start(builder: StackBuilder) -> Self {
        let database = TestDatabase::create().await;
        let redis = Proxy::to_url(&testkit::redis_url()).await;
        let postgres = Proxy::to_url(&database.url).await;
        let stack = builder
            .redis(redis.url(&testkit::redis_url()))
            .postgres(postgres.url(&database.url))
            .set("WEBSOCKET__EVENT_DEADLINE_S", 3)
            .set("WEBSOCKET__REQ_DEADLINE_S", 3)
            .set("POSTGRES__STATEMENT_TIMEOUT_MS", 1_000)
            .start()
            .await;
        Self {
            stack,
            redis,
            postgres,
            _database: database,
        }
    }

    /// While a wire is down an EVENT is answered all the same.
    async fn refuses(&self) {
        let mut client = self.stack.client().await;
        let ok = client.publish(&note("nobody gets it").by("carol").sign()).await;
        assert!(!ok.accepted && ok.message.starts_with("error: "), "{ok:?}");
    }
}

#[tokio::test]
async fn slow_wires_make_it_slow_and_nothing_else() {
    let wired = Wired::start(Stack::builder().relays(2).workers(2)).await;
    let mut load = Load::start(&wired.stack.url(), "alice").await;
    for delay in [5, 40] {
        wired.redis.set(Wire::Slow(Duration::from_millis(delay)));
        wired.postgres.set(Wire::Slow(Duration::from_millis(delay)));
        load.goes_on(50).await;
    }
    let written = load.settle(&wired.stack).await;
    assert_eq!((written.cut_off, written.refused.len()), (0, 0));
}

#[tokio::test]
async fn the_wire_to_redis_is_cut_again_and_again() {
    let wired = Wired::start(Stack::builder()).await;
    let mut load = Load::start(&wired.stack.url(), "alice").await;
    for _ in 0..3 {
        load.goes_on(50).await;
        wired.redis.set(Wire::Cut);
        wired.refuses().await;
        wired.redis.set(Wire::Good);
    }
    let written = load.settle(&wired.stack).await;
    assert_eq!(written.cut_off, 0, "no client noticed");
}

#[tokio::test]
async fn the_wire_to_postgres_is_cut_again_and_again() {
    let wired = Wired::start(Stack::builder()).await;
    let mut load = Load::start(&wired.stack.url(), "alice").await;
    for _ in 0..3 {
        load.goes_on(50).await;
        wired.postgres.set(Wire::Cut);
        wired.refuses().await;
        wired.postgres.set(Wire::Good);
    }
    let written = load.settle(&wired.stack).await;
    assert_eq!(written.cut_off, 0, "no client noticed");
}

/// As when a firewall forgets connections: they are never heard of again, and new ones are fine.
#[tokio::test]
async fn connections_to_redis_are_swallowed() {
    let wired = Wired::start(Stack::builder()).await;
    let mut load = Load::start(&wired.stack.url(), "alice").await;
    load.goes_on(50).await;
    wired.redis.set(Wire::Swallowed);
    load.goes_on(50).await;
    let written = load.settle(&wired.stack).await;
    assert_eq!(written.cut_off, 0, "no client noticed");
}

#[tokio::test]
async fn connections_to_postgres_are_swallowed() {
    let wired = Wired::start(Stack::builder()).await;
    let mut load = Load::start(&wired.stack.url(), "alice").await;
    load.goes_on(50).await;
    wired.postgres.set(Wire::Swallowed);
    load.goes_on(50).await;
    let written = load.settle(&wired.stack).await;
    assert_eq!(written.cut_off, 0, "no client noticed");
}
