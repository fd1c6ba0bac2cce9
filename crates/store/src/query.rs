//! Events out: what matches filters, newest first, as the bytes that were stored.

use std::collections::HashSet;

use bytes::Bytes;
use protocol::{EventId, Filter};
use sqlx::{AssertSqlSafe, Row, postgres::PgArguments, postgres::PgRow};

use crate::{
    Store, StoreError,
    batch::signed,
    filter_sql::{Arg, FilterQuery},
    recheck::Recheck,
};

/// A stored event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its id.
    pub id: EventId,
    /// Unix seconds.
    pub created_at: u64,
    /// Its canonical JSON, byte for byte.
    pub json: Bytes,
}

/// What matched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Newest first; of those equally old the lowest id first; each once.
    pub events: Vec<StoredEvent>,
    /// Whether nothing that matches was left out (NIP-67 `finish`).
    pub complete: bool,
}

/// How often a query may be repeated with a higher limit because rows had expired or only shared 64 bits of a tag. Each
/// repetition asks for four times as many; expired rows are removed within seconds, so that is never needed twice.
const REPETITIONS: u32 = 4;

impl Store {
    /// What matches any of the filters and is not expired at `now` (unix seconds). Each filter has its own limit; a
    /// filter without one gets nothing.
    pub async fn query(&self, filters: &[Filter], now: u64) -> Result<Found, StoreError> {
        let mut all = Found {
            events: Vec::new(),
            complete: true,
        };
        for filter in filters {
            let found = self.query_one(filter, now).await?;
            all.complete &= found.complete;
            all.events.extend(found.events);
        }
        if filters.len() > 1 {
            all.events.sort_unstable_by_key(newest_first);
            let mut seen = HashSet::with_capacity(all.events.len());
            all.events.retain(|event| seen.insert(event.id));
        }
        Ok(all)
    }

    async fn query_one(&self, filter: &Filter, now: u64) -> Result<Found, StoreError> {
        let limit = filter.limit.unwrap_or(0) as usize;
        if filter.matches_nothing() {
            return Ok(Found {
                events: Vec::new(),
                complete: true,
            });
        }
        let recheck = Recheck::new(filter);
        // One more than is sent tells whether there is more.
        let mut asked = limit + 1;
        for _ in 0..REPETITIONS {
            let rows = self
                .fetch(&FilterQuery::newest(
                    filter,
                    i64::try_from(asked).unwrap_or(i64::MAX),
                ))
                .await?;
            let exhausted = rows.len() < asked;
            let mut events = Vec::with_capacity(rows.len());
            for row in &rows {
                events.extend(read(row, now, &recheck)?);
            }
            if exhausted || events.len() > limit {
                events.sort_unstable_by_key(newest_first);
                let complete = events.len() <= limit;
                events.truncate(limit);
                return Ok(Found { events, complete });
            }
            asked = asked.saturating_mul(4);
        }
        let source = sqlx::Error::Protocol("too many rows had expired or shared a tag hash".to_owned());
        Err(StoreError::Query {
            operation: "query events",
            source,
        })
    }

    async fn fetch(&self, query: &FilterQuery) -> Result<Vec<PgRow>, StoreError> {
        bind(&query.sql, &query.args)
            .fetch_all(&self.reads)
            .await
            .map_err(|source| StoreError::Query {
                operation: "query events",
                source,
            })
    }
}

/// A statement with its arguments. The text is made of constants and parameter numbers only.
pub(crate) fn bind<'q>(sql: &str, args: &'q [Arg]) -> sqlx::query::Query<'q, sqlx::Postgres, PgArguments> {
    let mut query = sqlx::query(AssertSqlSafe(sql.to_owned()));
    for arg in args {
        query = match arg {
            Arg::Int(value) => query.bind(value),
            Arg::Ints(values) => query.bind(values),
            Arg::Kinds(values) => query.bind(values),
            Arg::Bytes(values) => query.bind(values),
        };
    }
    query
}

fn read(row: &PgRow, now: u64, recheck: &Recheck) -> Result<Option<StoredEvent>, StoreError> {
    let read = || -> Result<Option<StoredEvent>, sqlx::Error> {
        let expires_at: Option<i64> = row.try_get(2)?;
        let raw: &[u8] = row.try_get(3)?;
        if expires_at.is_some_and(|at| at <= signed(now)) || !recheck.holds(raw) {
            return Ok(None);
        }
        let (id, created_at): (&[u8], i64) = (row.try_get(0)?, row.try_get(1)?);
        let id = id
            .try_into()
            .map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        Ok(Some(StoredEvent {
            id: EventId::from_bytes(id),
            created_at: created_at.unsigned_abs(),
            json: Bytes::copy_from_slice(raw),
        }))
    };
    read().map_err(|source| StoreError::Query {
        operation: "read an event",
        source,
    })
}

fn newest_first(event: &StoredEvent) -> (std::cmp::Reverse<u64>, EventId) {
    (std::cmp::Reverse(event.created_at), event.id)
}
