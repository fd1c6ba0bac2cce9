//! The wires between the processes and their servers are slow, break, or swallow everything: what was answered true is
//! stored, and the relay is back by itself.

use std::time::Duration;

use testkit::{Load, Proxy, Stack, StackBuilder, TestDatabase, TestRedis, Wire, note};
use tokio::time::{Instant, sleep};

/// A stack with a wire to Redis and one to Postgres.
struct Wired {
    stack: Stack,
    redis: Proxy,
    postgres: Proxy,
    /// What the stack works on, behind its wire.
    _database: TestDatabase,
}

impl Wired {
    /// With deadlines that do not hold a test up.
    async fn impatient() -> Self {
        let mut builder = Stack::builder().set("POSTGRES__STATEMENT_TIMEOUT_MS", 1_000);
        for deadline in ["EVENT", "REQ", "COUNT"] {
            builder = builder.set(&format!("WEBSOCKET__{deadline}_DEADLINE_S"), 3);
        }
        Self::start(builder).await
    }

    async fn start(builder: StackBuilder) -> Self {
        let database = TestDatabase::create().await;
        let redis = Proxy::to_url(&testkit::redis_url()).await;
        let postgres = Proxy::to_url(&database.url).await;
        let stack = builder
            .redis(redis.url(&testkit::redis_url()))
            .postgres(postgres.url(&database.url))
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
    load.settle(&wired.stack).await.has_noticed_nothing();
}

#[tokio::test]
async fn the_wire_to_redis_is_cut_again_and_again() {
    let wired = Wired::impatient().await;
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
    let wired = Wired::impatient().await;
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

/// Workers have all their connections again, not only those by which they take jobs.
async fn everything_is_acknowledged(stack: &Stack) {
    let (redis, deadline) = (
        TestRedis::connect().await,
        Instant::now() + Duration::from_secs(10),
    );
    for queue in ["event", "req", "count"] {
        let key = stack.key(&format!("queue:nostr:{queue}"));
        loop {
            let jobs: u64 = redis.run("XLEN", &[&key]).await;
            if jobs == 0 {
                break;
            }
            assert!(Instant::now() < deadline, "{jobs} jobs of {queue} are left");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// As when a firewall forgets connections: they are never heard of again, and new ones are fine.
#[tokio::test]
async fn connections_to_redis_are_swallowed() {
    let wired = Wired::start(Stack::builder()).await;
    let mut load = Load::start(&wired.stack.url(), "alice").await;
    load.goes_on(50).await;
    wired.redis.set(Wire::Swallowed);
    load.goes_on(50).await;
    load.settle(&wired.stack).await.has_noticed_nothing();
    everything_is_acknowledged(&wired.stack).await;
}

#[tokio::test]
async fn connections_to_postgres_are_swallowed() {
    // A writer is given up after twice that and a grace of seconds: then its job runs again.
    let builder = Stack::builder().set("POSTGRES__STATEMENT_TIMEOUT_MS", 1_000);
    let wired = Wired::start(builder).await;
    let mut load = Load::start(&wired.stack.url(), "alice").await;
    load.goes_on(50).await;
    wired.postgres.set(Wire::Swallowed);
    load.goes_on(50).await;
    load.settle(&wired.stack).await.has_noticed_nothing();
}
