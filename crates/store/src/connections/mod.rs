//! Connections to Postgres: opened when needed, lent to one who asks at a time, and never waited for without an end.
//!
//! When a network swallows a connection neither side is told. So every answer has a time within which it must come, and a connection
//! that has been idle must answer a greeting first.

mod lent;
mod opening;

use std::time::Duration;

use deadpool::managed::{Pool, PoolConfig, PoolError, QueueMode, Timeouts};
use futures::{
    FutureExt, StreamExt, TryStreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use sqlx::{
    Describe, Either, Error, Execute, Executor, Postgres, SqlStr,
    postgres::{PgConnectOptions, PgQueryResult, PgRow, PgStatement, PgTypeInfo},
};

pub(crate) use lent::Lent;
use opening::Opening;

/// How long one who asks waits for a connection before it fails.
const ACQUIRE: Duration = Duration::from_secs(5);

/// Connections for one kind of work. Cheap to clone. A query on it is answered within its patience, or fails.
#[derive(Debug, Clone)]
pub(crate) struct Connections {
    pool: Pool<Opening>,
    options: PgConnectOptions,
    patience: Duration,
}

impl Connections {
    /// So many at most; none is opened yet. Whatever takes longer than `patience` is given up, and its connection closed.
    pub fn new(options: PgConnectOptions, at_most: u32, patience: Duration) -> Self {
        let pool = Pool::builder(Opening::new(options.clone()))
            .config(PoolConfig {
                max_size: at_most as usize,
                timeouts: Timeouts {
                    wait: Some(ACQUIRE),
                    create: Some(ACQUIRE),
                    recycle: None,
                },
                // The one whose plans and pages are in the caches.
                queue_mode: QueueMode::Lifo,
            })
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .expect("a runtime is given for the timeouts");
        Self {
            pool,
            options,
            patience,
        }
    }

    /// How they are opened.
    pub fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// One of them, for several statements.
    pub async fn acquire(&self) -> Result<Lent, Error> {
        match self.pool.get().await {
            Ok(connection) => Ok(Lent::new(connection, self.patience)),
            Err(PoolError::Backend(error)) => Err(error),
            Err(_) => Err(Error::PoolTimedOut),
        }
    }

    /// One of them, in a transaction that ends with [`Lent::commit`], or is rolled back.
    pub async fn begin(&self) -> Result<Lent, Error> {
        let mut connection = self.acquire().await?;
        connection.begin().await?;
        Ok(connection)
    }
}

impl<'c> Executor<'c> for &'c Connections {
    type Database = Postgres;

    /// What it yields has come as a whole.
    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let answer = async move {
            let mut connection = self.acquire().await?;
            let steps: Vec<_> = connection.fetch_many(query).try_collect().await?;
            Ok::<_, Error>(stream::iter(steps).map(Ok))
        };
        stream::once(answer).try_flatten().boxed()
    }

    fn fetch_all<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Vec<PgRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        async move { self.acquire().await?.fetch_all(query).await }.boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        async move { self.acquire().await?.fetch_optional(query).await }.boxed()
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, Error>>
    where
        'c: 'e,
    {
        async move { self.acquire().await?.prepare_with(sql, parameters).await }.boxed()
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, Error>>
    where
        'c: 'e,
    {
        async move { self.acquire().await?.describe(sql).await }.boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use sqlx::query_scalar;
    use testkit::{Proxy, TestDatabase, Wire};

    use super::*;

    fn connections(url: &str, at_most: u32, patience: Duration) -> Connections {
        Connections::new(PgConnectOptions::from_str(url).unwrap(), at_most, patience)
    }

    async fn one() -> (TestDatabase, Connections) {
        let database = TestDatabase::create().await;
        let connections = connections(&database.url, 1, Duration::from_secs(10));
        (database, connections)
    }

    /// Which connection this is, for Postgres.
    async fn backend(connections: &Connections) -> i32 {
        let backend = query_scalar("SELECT pg_backend_pid()")
            .fetch_one(connections)
            .await;
        backend.expect("Postgres is there")
    }

    #[tokio::test]
    async fn a_refusal_is_an_answer() {
        let (_database, connections) = one().await;
        let before = backend(&connections).await;
        let refused = sqlx::query("SELECT 1 / 0").fetch_all(&connections).await;
        assert!(matches!(refused, Err(Error::Database(_))), "{refused:?}");
        assert_eq!(backend(&connections).await, before);
    }

    #[tokio::test]
    async fn who_stops_waiting_leaves_no_answer_to_the_next() {
        let (_database, connections) = one().await;
        let before = backend(&connections).await;
        let long = sqlx::query("SELECT pg_sleep(60)").fetch_all(&connections);
        let given_up = tokio::time::timeout(Duration::from_millis(50), long).await;
        assert!(given_up.is_err());
        assert_ne!(backend(&connections).await, before);
    }

    #[tokio::test]
    async fn a_transaction_without_an_end_is_rolled_back() {
        let (_database, connections) = one().await;
        let insert = "INSERT INTO authors (pubkey) VALUES (decode(repeat('ab', 32), 'hex'))";
        let authors = async || -> i64 {
            let authors = query_scalar("SELECT count(*) FROM authors").fetch_one(&connections);
            authors.await.unwrap()
        };
        let mut transaction = connections.begin().await.unwrap();
        transaction.execute(insert).await.unwrap();
        drop(transaction);
        assert_eq!(authors().await, 0);
        let mut transaction = connections.begin().await.unwrap();
        transaction.execute(insert).await.unwrap();
        transaction.commit().await.unwrap();
        assert_eq!(authors().await, 1);
    }

    #[tokio::test]
    async fn what_a_network_swallowed_is_given_up_with_all_that_may_be_like_it() {
        let database = TestDatabase::create().await;
        let wire = Proxy::to_url(&database.url).await;
        let connections = connections(&wire.url(&database.url), 3, Duration::from_millis(200));
        let all = [
            connections.acquire().await.unwrap(),
            connections.acquire().await.unwrap(),
            connections.acquire().await.unwrap(),
        ];
        drop(all);
        wire.set(Wire::Swallowed);
        let first = sqlx::query("SELECT 1").fetch_all(&connections).await;
        assert!(matches!(first, Err(Error::Io(_))), "{first:?}");
        backend(&connections).await;
    }

    #[tokio::test]
    async fn a_transaction_that_a_network_swallowed_holds_no_lock_for_long() {
        let database = TestDatabase::create().await;
        let wire = Proxy::to_url(&database.url).await;
        let connections = connections(&wire.url(&database.url), 2, Duration::from_secs(30));
        let mut swallowed = connections.begin().await.unwrap();
        let lock = "SELECT pg_advisory_xact_lock(1)";
        swallowed.execute(lock).await.unwrap();
        wire.set(Wire::Swallowed);
        sqlx::query(lock).execute(&connections).await.unwrap();
    }
}
