//! Filling the window from Postgres, newest first, until it is full or nothing is left.

use std::time::Instant;

use sqlx::{AssertSqlSafe, Row, postgres::PgRow};
use tracing::info;

use super::{Followed, Window, contents::Contents, follow::read_entry};
use crate::StoreError;

/// Rows of one page: small enough that questions get in between.
const PAGE: i64 = 1_000;

/// Where the next page begins.
#[derive(Clone, Copy)]
struct Cursor {
    created_at: i64,
    id_head: i64,
}

impl Window {
    /// What is committed while this runs is followed afterwards, from the position that is noted first.
    pub(super) async fn load(&self) -> Result<(), StoreError> {
        let mut followed = self.start().await?;
        let mut cursor = Cursor {
            created_at: i64::MAX,
            id_head: i64::MIN,
        };
        loop {
            let rows = self.page(cursor).await?;
            let is_last = (rows.len() as i64) < PAGE;
            for row in &rows {
                followed.contents.insert(read_entry(row).map_err(failed)?);
                cursor = Cursor {
                    created_at: row.try_get(3).map_err(failed)?,
                    id_head: row.try_get(7).map_err(failed)?,
                };
            }
            if is_last {
                break;
            }
            if followed.contents.bytes() > self.most {
                // Of this second there may be more.
                followed
                    .contents
                    .raise_floor(cursor.created_at.unsigned_abs() + 1);
                followed.contents.shrink(self.most);
                break;
            }
        }
        info!(
            events = followed.contents.len(),
            bytes = followed.contents.bytes(),
            since = followed.contents.floor(),
            "the newest events are in memory"
        );
        *self.contents.write() = Some(followed);
        Ok(())
    }

    async fn start(&self) -> Result<Followed, StoreError> {
        let at = Instant::now();
        // One statement, one moment.
        let row = sqlx::query(
            "SELECT coalesce((SELECT max(seq) FROM events), 0), coalesce((SELECT max(n) FROM removals), 0)",
        )
        .fetch_one(&self.reads)
        .await
        .map_err(failed)?;
        Ok(Followed {
            contents: Contents::new(self.delegation),
            seq: row.try_get(0).map_err(failed)?,
            removal: row.try_get(1).map_err(failed)?,
            at,
            change: None,
        })
    }

    /// Uses `events_by_time`, whose order no row comparison has: so the rest of a second and what is older are two scans.
    async fn page(&self, after: Cursor) -> Result<Vec<PgRow>, StoreError> {
        let columns = format!(
            "seq, id, kind, created_at, expires_at, tags, raw, id_head, {}",
            self.delegator()
        );
        sqlx::query(AssertSqlSafe(format!(
            "(SELECT {columns} FROM events e \
             WHERE created_at = $1 AND id_head > $2 ORDER BY created_at DESC, id_head LIMIT $3) UNION ALL \
             (SELECT {columns} FROM events e \
             WHERE created_at < $1 ORDER BY created_at DESC, id_head LIMIT $3) LIMIT $3",
        )))
        .bind(after.created_at)
        .bind(after.id_head)
        .bind(PAGE)
        .fetch_all(&self.reads)
        .await
        .map_err(failed)
    }
}

fn failed(source: sqlx::Error) -> StoreError {
    StoreError::Query {
        operation: "load the newest events",
        source,
    }
}
