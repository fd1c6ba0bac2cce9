//! A database per test, copied from a template that has the schema.

use std::{
    collections::BTreeSet,
    str::FromStr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use sqlx::{
    AssertSqlSafe, Connection, Executor, PgConnection, migrate::Migrator, postgres::PgConnectOptions,
};

use crate::services::{database_url, random_name, top};

/// Guards the template against tests that start at the same time.
const TEMPLATE_LOCK: i64 = 7_260_431;

/// No test runs as long as this: a database of this age is left over.
const LEFT_OVER: Duration = Duration::from_secs(600);

/// A database with the schema and nothing in it. It goes with the private services; on any other server a later run
/// drops it. (A test that dropped its own would wait for a checkpoint.)
#[derive(Debug)]
pub struct TestDatabase {
    /// Where it is.
    pub url: String,
    name: String,
}

impl TestDatabase {
    /// Makes one.
    pub async fn create() -> Self {
        let options = PgConnectOptions::from_str(&database_url()).expect("DATABASE_URL is a URL");
        let mut admin = PgConnection::connect_with(&options)
            .await
            .expect("Postgres for tests answers");
        let template = template(&mut admin, &options).await;
        drop_left_over(&mut admin).await;
        let name = format!("{}_{}", stamp(SystemTime::now()), random_name());
        run(
            &mut admin,
            &format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY wal_log"),
        )
        .await;
        let url = with_database(&database_url(), &name);
        Self { url, name }
    }

    /// A connection, to look behind the scenes.
    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url)
            .await
            .expect("the test's database answers")
    }

    /// Runs SQL; what the session holds it holds until it is dropped.
    pub async fn run(&self, sql: &str) -> PgConnection {
        let mut session = self.connect().await;
        run(&mut session, sql).await;
        session
    }

    /// Nobody gets in any more, and who is in is thrown out: as if Postgres were away.
    pub async fn shut(&self) {
        let name = &self.name;
        self.administer(&format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false"))
            .await;
        self.administer(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        ))
        .await;
    }

    /// After [`Self::shut`]: everybody gets in again.
    pub async fn open(&self) {
        self.administer(&format!(
            "ALTER DATABASE {} WITH ALLOW_CONNECTIONS true",
            self.name
        ))
        .await;
    }

    async fn administer(&self, sql: &str) {
        run_at(&database_url(), sql).await;
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The start of the names of databases that are made now; later ones sort behind it.
fn stamp(time: SystemTime) -> String {
    let seconds = time
        .duration_since(UNIX_EPOCH)
        .expect("it is after 1970")
        .as_secs();
    format!("test_{seconds:08x}")
}

async fn drop_left_over(admin: &mut PgConnection) {
    let left_over: Vec<String> = sqlx::query_scalar(
        "SELECT datname::text FROM pg_database WHERE datname ~ $1 AND datname COLLATE \"C\" < $2",
    )
    .bind("^test_[0-9a-f]{8}_[0-9a-f]{16}$")
    .bind(stamp(SystemTime::now() - LEFT_OVER))
    .fetch_all(&mut *admin)
    .await
    .expect("pg_database");
    for name in left_over {
        // Another test may be faster; one that somebody still looks into stays.
        let _dropped = admin
            .execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name}")))
            .await;
    }
}

/// The template for the migrations as they are now; made by the first test that needs it.
async fn template(admin: &mut PgConnection, options: &PgConnectOptions) -> String {
    let migrator = Migrator::new(top().join("migrations"))
        .await
        .expect("migrations can be read");
    let hash = migrator.iter().fold(0_u64, |hash, migration| {
        migration.checksum.iter().fold(hash, |hash, byte| {
            hash.wrapping_mul(31).wrapping_add(u64::from(*byte))
        })
    });
    let name = format!("template_{hash:016x}");
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(TEMPLATE_LOCK)
        .execute(&mut *admin)
        .await
        .expect("lock");
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(&name)
        .fetch_one(&mut *admin)
        .await
        .expect("pg_database");
    if !exists {
        let raw = format!("{name}_raw");
        run(admin, &format!("DROP DATABASE IF EXISTS {raw}")).await;
        run(admin, &format!("CREATE DATABASE {raw}")).await;
        let mut database = PgConnection::connect_with(&options.clone().database(&raw))
            .await
            .expect("the template answers");
        migrator
            .run_direct(None, &mut database, false)
            .await
            .expect("the migrations run");
        database.close().await.expect("the template is left");
        // Renamed when it is complete: a test that dies on the way leaves no half template.
        run(admin, &format!("ALTER DATABASE {raw} RENAME TO {name}")).await;
    }
    sqlx::query("SELECT pg_advisory_unlock($1)")
        .bind(TEMPLATE_LOCK)
        .execute(&mut *admin)
        .await
        .expect("unlock");
    name
}

/// Gives a database the schema.
pub(crate) async fn migrate(url: &str) {
    let migrator = Migrator::new(top().join("migrations"))
        .await
        .expect("migrations can be read");
    let mut database = PgConnection::connect(url).await.expect("the database answers");
    migrator
        .run_direct(None, &mut database, false)
        .await
        .expect("the migrations run");
}

/// Runs SQL in a session of its own.
pub(crate) async fn run_at(url: &str, sql: &str) {
    let mut session = PgConnection::connect(url).await.expect("Postgres answers");
    run(&mut session, sql).await;
}

/// Which of these events stand in a database.
pub(crate) async fn stored_at(url: &str, ids: &BTreeSet<String>) -> BTreeSet<String> {
    let mut session = PgConnection::connect(url).await.expect("Postgres answers");
    let ids: Vec<&String> = ids.iter().collect();
    let asked = "SELECT encode(id, 'hex') FROM events WHERE id = ANY (SELECT decode(hex, 'hex') FROM unnest($1::text[]) hex)";
    let stored: Vec<String> = sqlx::query_scalar(asked)
        .bind(ids)
        .fetch_all(&mut session)
        .await
        .expect("events");
    stored.into_iter().collect()
}

/// A session with an open transaction.
pub(crate) async fn hold_at(url: &str, sql: &str) -> PgConnection {
    let mut session = PgConnection::connect(url).await.expect("Postgres answers");
    run(&mut session, "BEGIN").await;
    run(&mut session, sql).await;
    session
}

async fn run(connection: &mut PgConnection, sql: &str) {
    connection
        .execute(AssertSqlSafe(sql.to_owned()))
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

fn with_database(url: &str, name: &str) -> String {
    let (base, query) = url
        .split_once('?')
        .map_or((url, None), |(base, query)| (base, Some(query)));
    let (server, _) = base.rsplit_once('/').expect("DATABASE_URL names a database");
    match query {
        Some(query) => format!("{server}/{name}?{query}"),
        None => format!("{server}/{name}"),
    }
}
