//! A database per test, copied from a template that has the schema.

use std::str::FromStr;

use sqlx::{
    AssertSqlSafe, Connection, Executor, PgConnection, migrate::Migrator, postgres::PgConnectOptions,
};

use crate::services::{database_url, random_name, top};

/// Guards the template against tests that start at the same time.
const TEMPLATE_LOCK: i64 = 7_260_431;

/// A database with the schema and nothing in it. It is dropped with the services.
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
        let name = format!("test_{}", random_name());
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

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
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
