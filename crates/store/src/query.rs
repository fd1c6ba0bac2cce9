//! Events out: what matches filters, newest first, as the bytes that were stored.

use std::collections::HashSet;

use bytes::Bytes;
use protocol::{EventId, Filter};
use sqlx::{AssertSqlSafe, PgPool, Row, postgres::PgArguments, postgres::PgRow};
use tokio::time::timeout;

use crate::{
    Store, StoreError,
    batch::signed,
    filter_sql::{Arg, Driver, FilterQuery, Wanted, by_id, newest},
    patience::in_time,
    recheck::Recheck,
    search::tsquery,
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
    /// Newest first; of those equally old the lowest id first; each once. If a filter searches: what each filter found, one
    /// after the other, and of a search the best first.
    pub events: Vec<StoredEvent>,
    /// What they leave out.
    pub rest: Rest,
}

/// Stored events that match and are not in an answer (NIP-67).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rest {
    /// There are none.
    #[default]
    Nothing,
    /// There may be some: to know it would take another query.
    Unknown,
    /// There are some, among them this one.
    Event(EventId),
}

impl Store {
    /// What matches any of the filters and is not expired at `now` (unix seconds). Each filter has its own limit; a
    /// filter without one gets nothing.
    pub async fn query(&self, filters: &[Filter], now: u64) -> Result<Found, StoreError> {
        let mut answers = match &self.window {
            Some(window) => window.answer(filters, now).await,
            None => Vec::new(),
        }
        .into_iter();
        let (mut all, mut rests) = (Found::default(), Vec::with_capacity(filters.len()));
        for filter in filters {
            let found = match answers.next().flatten() {
                Some(found) => found,
                None if filter.searched().is_some() => self.search(filter, now).await?,
                None => self.query_one(filter, now).await?,
            };
            rests.push(found.rest);
            all.events.extend(found.events);
        }
        if filters.iter().any(|filter| filter.searched().is_some()) {
            // In the order of their quality: one filter's after the other's.
            let mut seen = HashSet::with_capacity(all.events.len());
            all.events.retain(|event| seen.insert(event.id));
        } else if filters.len() > 1 {
            all.events.sort_unstable_by_key(newest_first);
            all.events.dedup_by_key(|event| event.id);
        }
        all.rest = all.left_out_by_all(&rests);
        Ok(all)
    }

    async fn query_one(&self, filter: &Filter, now: u64) -> Result<Found, StoreError> {
        let Some(wanted) = self.wanted(filter).await? else {
            return Ok(Found::default());
        };
        match self.as_delegators(&wanted) {
            None => self.query_as(&wanted, now).await,
            Some(delegated) => {
                let (own, theirs) = (
                    self.query_as(&wanted, now).await?,
                    self.query_as(&delegated, now).await?,
                );
                Ok(own.or(theirs, filter.limit.unwrap_or(0) as usize))
            }
        }
    }

    async fn query_as(&self, wanted: &Wanted<'_>, now: u64) -> Result<Found, StoreError> {
        let filter = wanted.filter;
        let limit = filter.limit.unwrap_or(0) as usize;
        // One more than is sent tells whether there is more.
        if filter.ids.is_some() {
            let asked = i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX);
            let (_, events) = self
                .fetch(&by_id(wanted, asked, signed(now)), filter, &self.reads)
                .await?;
            return Ok(Found::cut(events, limit));
        }
        let plan = self.plan(wanted, now).await?;
        let mut events = Vec::new();
        for since in plan.since {
            events = self.newest(wanted, plan.driver, since, now).await?;
            if events.len() > limit {
                break;
            }
        }
        Ok(Found::cut(events, limit))
    }

    /// At least one more than the limit, if there are so many.
    async fn newest(
        &self,
        wanted: &Wanted<'_>,
        driver: Driver,
        since: i64,
        now: u64,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let limit = wanted.filter.limit.unwrap_or(0) as usize;
        let mut asked = limit.saturating_add(1);
        loop {
            let n = i64::try_from(asked).unwrap_or(i64::MAX);
            let (rows, events) = self
                .fetch(
                    &newest(wanted, driver, since, n, signed(now)),
                    wanted.filter,
                    &self.reads,
                )
                .await?;
            if rows < asked || events.len() > limit {
                return Ok(events);
            }
            // Some had expired, or only shared 64 bits of a tag. Both are rare; should somebody make them many, the
            // statement's timeout ends it.
            asked = asked.saturating_mul(4);
        }
    }

    /// The number of rows, and the events that they really are.
    pub(crate) async fn fetch(
        &self,
        query: &FilterQuery,
        filter: &Filter,
        pool: &PgPool,
    ) -> Result<(usize, Vec<StoredEvent>), StoreError> {
        let recheck = Recheck::new(filter);
        let read = |rows: Vec<PgRow>| -> Result<_, sqlx::Error> {
            let mut events = Vec::with_capacity(rows.len());
            for row in &rows {
                events.extend(read(row, &recheck)?);
            }
            Ok((rows.len(), events))
        };
        let failed = StoreError::during("query events");
        let mut connection = pool.acquire().await.map_err(failed)?;
        let rows = timeout(self.patience.reads, bind(query).fetch_all(&mut *connection)).await;
        in_time(connection, rows).and_then(read).map_err(failed)
    }

    /// Those of the filters that can match, each with what drives it; ids need no driver.
    pub(crate) async fn wanted_all<'f>(
        &self,
        filters: &'f [Filter],
        now: u64,
    ) -> Result<Vec<(Wanted<'f>, Option<Driver>)>, StoreError> {
        let mut all = Vec::with_capacity(filters.len());
        for filter in filters {
            let own = self.wanted(filter).await?;
            let delegated = own.as_ref().and_then(|own| self.as_delegators(own));
            for wanted in own.into_iter().chain(delegated) {
                let driver = match filter.ids {
                    Some(_) => None,
                    None if wanted.search.is_some() => None,
                    None => Some(self.plan(&wanted, now).await?.driver),
                };
                all.push((wanted, driver));
            }
        }
        Ok(all)
    }

    /// `None` when nothing can match.
    pub(crate) async fn wanted<'f>(&self, filter: &'f Filter) -> Result<Option<Wanted<'f>>, StoreError> {
        if filter.matches_nothing() {
            return Ok(None);
        }
        let authors = match &filter.authors {
            Some(pubkeys) => Some(self.author_ids(pubkeys).await?),
            None => None,
        };
        let is_nobody = authors.as_ref().is_some_and(Vec::is_empty);
        if is_nobody {
            return Ok(None);
        }
        let Some(search) = filter.searched() else {
            return Ok(Some(Wanted {
                filter,
                authors,
                as_delegators: false,
                search: None,
            }));
        };
        // Where nothing is searchable nothing is found.
        Ok(self.searching.as_ref().map(|searching| {
            let search = tsquery(
                search,
                &searching.rules,
                authors.as_deref(),
                filter.kinds.as_deref(),
            );
            Wanted {
                filter,
                authors,
                as_delegators: false,
                search: Some(search),
            }
        }))
    }

    /// The same filter by those whom events were signed for. In a search they are marks like who signed.
    pub(crate) fn as_delegators<'f>(&self, wanted: &Wanted<'f>) -> Option<Wanted<'f>> {
        if wanted.search.is_some() {
            return None;
        }
        let authors = wanted.authors.clone().filter(|_| self.delegation)?;
        Some(Wanted {
            filter: wanted.filter,
            authors: Some(authors),
            as_delegators: true,
            search: None,
        })
    }
}

impl Found {
    /// Whether nothing that matches was left out.
    pub fn is_complete(&self) -> bool {
        self.rest == Rest::Nothing
    }

    /// What one filter left out another may have found.
    fn left_out_by_all(&self, rests: &[Rest]) -> Rest {
        let is_missing = |rest: &Rest| match rest {
            Rest::Event(id) => !self.events.iter().any(|event| event.id == *id),
            Rest::Nothing | Rest::Unknown => false,
        };
        if let Some(rest) = rests.iter().find(|rest| is_missing(rest)) {
            return *rest;
        }
        if rests.iter().all(|rest| *rest == Rest::Nothing) {
            Rest::Nothing
        } else {
            Rest::Unknown
        }
    }

    /// The newest of both, as many as the limit allows.
    fn or(mut self, other: Self, limit: usize) -> Self {
        self.events.extend(other.events);
        self.events.sort_unstable_by_key(newest_first);
        self.events.dedup_by_key(|event| event.id);
        let both = Self::cut(self.events, limit);
        let rest = match (both.rest, self.rest) {
            (Rest::Nothing, Rest::Nothing) => other.rest,
            (Rest::Nothing, own) => own,
            (cut, _) => cut,
        };
        Self { rest, ..both }
    }

    /// The newest of them, as many as the limit allows.
    pub(crate) fn cut(mut events: Vec<StoredEvent>, limit: usize) -> Self {
        events.sort_unstable_by_key(newest_first);
        let rest = Rest::after(&events, limit);
        events.truncate(limit);
        Self { events, rest }
    }
}

impl Rest {
    /// What a limit leaves out of all that there is.
    pub(crate) fn after(events: &[StoredEvent], limit: usize) -> Self {
        events
            .get(limit)
            .map_or(Self::Nothing, |event| Self::Event(event.id))
    }
}

/// A statement with its arguments. The text is made of constants and parameter numbers only.
pub(crate) fn bind(statement: &FilterQuery) -> sqlx::query::Query<'_, sqlx::Postgres, PgArguments> {
    let mut query = sqlx::query(AssertSqlSafe(statement.sql.clone()));
    for arg in &statement.args {
        query = match arg {
            Arg::Int(value) => query.bind(value),
            Arg::Ints(values) => query.bind(values),
            Arg::Int4s(values) => query.bind(values),
            Arg::Bytes(values) => query.bind(values),
            Arg::Text(value) => query.bind(value),
        };
    }
    query
}

fn read(row: &PgRow, recheck: &Recheck) -> Result<Option<StoredEvent>, sqlx::Error> {
    let Some(raw) = row
        .try_get::<Option<&[u8]>, _>(2)?
        .filter(|raw| recheck.holds(raw))
    else {
        return Ok(None);
    };
    let id: [u8; 32] = row.try_get(0)?;
    let created_at: i64 = row.try_get(1)?;
    Ok(Some(StoredEvent {
        id: EventId::from_bytes(id),
        created_at: created_at.unsigned_abs(),
        json: Bytes::copy_from_slice(raw),
    }))
}

fn newest_first(event: &StoredEvent) -> (std::cmp::Reverse<u64>, EventId) {
    (std::cmp::Reverse(event.created_at), event.id)
}
