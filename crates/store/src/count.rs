//! How many events match: exactly, by how many authors, or about.

use protocol::{Filter, Hll, HllOffset, Reader};
use serde::Deserialize;
use sqlx::{Row, ValueRef, postgres::PgRow};

use crate::{
    Store, StoreError,
    batch::signed,
    filter_sql::{Driver, Wanted, authors_of, counted, estimated},
};

/// Events, and what tells about how many authors they have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorCount {
    /// Events.
    pub count: u64,
    /// The registers of their authors.
    pub hll: Hll,
}

/// What Postgres expects.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// Events, about.
    pub count: u64,
    /// The planner's cost of finding them: 1 is about a page read in order.
    pub cost: f64,
}

impl Store {
    /// Events that match any of the filters, may be seen by the reader and are not expired at `now` (unix seconds), each once. Limits are not
    /// looked at (NIP-45). Tags are matched by 64 bits of sha256: to make a count wrong takes a collision, which costs
    /// 2^32 hashes and gains nothing.
    pub async fn count(&self, filters: &[Filter], reader: &Reader<'_>, now: u64) -> Result<u64, StoreError> {
        if let Some(window) = &self.window
            && let Some(count) = window.count(filters, reader, now, self.change).await
        {
            return Ok(count);
        }
        let views = reader.views_of(filters);
        let wanted = self.wanted_all(&views, now).await?;
        if wanted.is_empty() {
            return Ok(0);
        }
        self.count_wanted(&wanted, now).await
    }

    async fn count_wanted(
        &self,
        wanted: &[(Wanted<'_>, Option<Driver>)],
        now: u64,
    ) -> Result<u64, StoreError> {
        let searches = wanted.iter().any(|(one, _)| one.search.is_some());
        let pool = match &self.searching {
            Some(searching) if searches => &searching.searches,
            _ => &self.counts,
        };
        let row = counted(wanted, signed(now)).bind().fetch_one(pool).await;
        let count = row.and_then(|row| row.try_get::<i64, _>(0));
        count.map(i64::unsigned_abs).map_err(failed)
    }

    /// The same for one filter with a tag, and the registers of the authors.
    pub async fn count_authors(
        &self,
        filter: &Filter,
        offset: HllOffset,
        reader: &Reader<'_>,
        now: u64,
    ) -> Result<AuthorCount, StoreError> {
        if let Some(window) = &self.window
            && let Some(counted) = window
                .count_authors(filter, offset, reader, now, self.change)
                .await
        {
            return Ok(counted);
        }
        let views = reader.views(filter);
        let wanted = self.wanted_all(&views, now).await?;
        let mut counted = AuthorCount {
            count: 0,
            hll: Hll::default(),
        };
        for (wanted, driver) in &wanted {
            let query = authors_of(wanted, *driver, offset.byte(), signed(now));
            let rows = query.bind().fetch_all(&self.counts).await;
            rows.and_then(|rows| rows.iter().try_for_each(|row| counted.add(row)))
                .map_err(failed)?;
        }
        if wanted.len() > 1 {
            // Found by who signed it and by whom it was signed for, an event counts once; registers do not mind.
            counted.count = self.count_wanted(&wanted, now).await?;
        }
        Ok(counted)
    }

    /// What Postgres expects [`Self::count`] to say, and what it would cost. Nothing but statistics are read. What matches
    /// several filters is counted several times.
    pub async fn estimate(
        &self,
        filters: &[Filter],
        reader: &Reader<'_>,
        now: u64,
    ) -> Result<Estimate, StoreError> {
        let views = reader.views_of(filters);
        let mut sum = Estimate { count: 0, cost: 0.0 };
        for (wanted, driver) in self.wanted_all(&views, now).await? {
            let query = estimated(&wanted, driver);
            let row = query.bind().fetch_one(&self.counts).await.map_err(failed)?;
            let plan = plan(&row).map_err(failed)?;
            sum.count += plan.rows as u64;
            sum.cost += plan.cost;
        }
        Ok(sum)
    }
}

fn failed(source: sqlx::Error) -> StoreError {
    StoreError::Query {
        operation: "count events",
        source,
    }
}

impl AuthorCount {
    fn add(&mut self, row: &PgRow) -> Result<(), sqlx::Error> {
        let register: i32 = row.try_get(0)?;
        // It was a byte.
        self.hll
            .add_rest(u8::try_from(register).unwrap_or_default(), row.try_get(1)?);
        self.count += row.try_get::<i64, _>(2)?.unsigned_abs();
        Ok(())
    }
}

/// `[{"Plan":{"Total Cost":…,"Plan Rows":…}}]`
#[derive(Deserialize)]
struct Explained {
    #[serde(rename = "Plan")]
    plan: Plan,
}

#[derive(Deserialize)]
struct Plan {
    #[serde(rename = "Total Cost")]
    cost: f64,
    #[serde(rename = "Plan Rows")]
    rows: f64,
}

fn plan(row: &PgRow) -> Result<Plan, sqlx::Error> {
    let unreadable = |error: Box<dyn std::error::Error + Send + Sync>| sqlx::Error::Decode(error);
    let value = row.try_get_raw(0)?;
    if value.is_null() {
        return Err(unreadable("EXPLAIN without a plan".into()));
    }
    let explained: [Explained; 1] = serde_json::from_str(value.as_str().map_err(unreadable)?)
        .map_err(|error| unreadable(error.into()))?;
    let [Explained { plan }] = explained;
    Ok(plan)
}
