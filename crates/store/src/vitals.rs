//! How Postgres is, for operators.

use std::time::{Duration, Instant};

use crate::{Store, StoreError};

/// A Postgres server at a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PostgresVitals {
    /// How long the smallest statement takes.
    pub latency: Duration,
    /// `16.4`
    pub version: String,
    /// Since its start.
    pub uptime_s: u64,
    /// Connections of clients to the whole server.
    pub connections: u64,
    /// Connections that it allows.
    pub max_connections: u64,
    /// Bytes of our database on disk.
    pub database_bytes: u64,
    /// Thousandths of the pages read that were in its memory.
    pub cache_hits: u64,
    /// Deadlocks since the statistics began: there should be none.
    pub deadlocks: u64,
    /// Seconds that the oldest open transaction is old: it keeps vacuum from its work.
    pub oldest_transaction_s: u64,
    /// Whether it only follows another server.
    pub is_replica: bool,
    /// The servers that follow it.
    pub replicas: Vec<Replica>,
}

/// A server that follows ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// `application_name` of its connection.
    pub name: String,
    /// `streaming` when all is well.
    pub state: String,
    /// Bytes of the log that it has yet to apply.
    pub behind_bytes: u64,
}

/// A table on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSize {
    /// Its name.
    pub name: String,
    /// Rows, as Postgres estimates them.
    pub rows: u64,
    /// Dead rows that vacuum has yet to remove, as Postgres estimates them.
    pub dead_rows: u64,
    /// Bytes of its rows, long values included.
    pub table_bytes: u64,
    /// Bytes of its indexes.
    pub index_bytes: u64,
}

impl Store {
    /// How the server is. Some milliseconds.
    pub async fn vitals(&self) -> Result<PostgresVitals, StoreError> {
        let failed = |source| StoreError::Query {
            operation: "look how Postgres is",
            source,
        };
        let began = Instant::now();
        self.ping().await?;
        let latency = began.elapsed();
        // Replicas need the right to see statistics; without it there are none to be seen.
        let replicas = sqlx::query!(
            r#"SELECT coalesce(application_name, '') AS "name!", coalesce(state, 'unknown') AS "state!",
                CASE WHEN pg_is_in_recovery() THEN 0
                    ELSE coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn), 0)::bigint END AS "behind!"
            FROM pg_stat_replication ORDER BY 1"#
        )
        .fetch_all(&self.writes)
        .await
        .map_err(failed)?;
        let server = sqlx::query!(
            r#"SELECT split_part(current_setting('server_version'), ' ', 1) AS "version!",
                extract(epoch FROM now() - pg_postmaster_start_time())::bigint AS "uptime!",
                (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS "connections!",
                current_setting('max_connections')::bigint AS "max_connections!",
                pg_database_size(current_database()) AS "bytes!",
                coalesce(d.blks_hit * 1000 / nullif(d.blks_hit + d.blks_read, 0), 1000) AS "hits!",
                coalesce(d.deadlocks, 0) AS "deadlocks!",
                coalesce((SELECT extract(epoch FROM max(now() - xact_start)) FROM pg_stat_activity
                    WHERE datname = current_database()), 0)::bigint AS "oldest!",
                pg_is_in_recovery() AS "is_replica!"
            FROM pg_stat_database d WHERE d.datname = current_database()"#
        )
        .fetch_one(&self.writes)
        .await
        .map_err(failed)?;
        Ok(PostgresVitals {
            latency,
            version: server.version,
            uptime_s: server.uptime.unsigned_abs(),
            connections: server.connections.unsigned_abs(),
            max_connections: server.max_connections.unsigned_abs(),
            database_bytes: server.bytes.unsigned_abs(),
            cache_hits: server.hits.unsigned_abs(),
            deadlocks: server.deadlocks.unsigned_abs(),
            oldest_transaction_s: server.oldest.unsigned_abs(),
            is_replica: server.is_replica,
            replicas: replicas
                .into_iter()
                .map(|row| Replica {
                    name: row.name,
                    state: row.state,
                    behind_bytes: row.behind.unsigned_abs(),
                })
                .collect(),
        })
    }

    /// The tables, the largest first.
    pub async fn table_sizes(&self) -> Result<Vec<TableSize>, StoreError> {
        let rows = sqlx::query!(
            r#"SELECT relname::text AS "name!", greatest(n_live_tup, 0) AS "rows!", greatest(n_dead_tup, 0) AS "dead!",
                pg_table_size(relid) AS "table_bytes!", pg_indexes_size(relid) AS "index_bytes!"
            FROM pg_stat_user_tables WHERE schemaname = current_schema()
            ORDER BY pg_total_relation_size(relid) DESC, relname"#
        )
        .fetch_all(&self.writes)
        .await
        .map_err(|source| StoreError::Query {
            operation: "measure the tables",
            source,
        })?;
        let sizes = rows.into_iter().map(|row| TableSize {
            name: row.name,
            rows: row.rows.unsigned_abs(),
            dead_rows: row.dead.unsigned_abs(),
            table_bytes: row.table_bytes.unsigned_abs(),
            index_bytes: row.index_bytes.unsigned_abs(),
        });
        Ok(sizes.collect())
    }
}
