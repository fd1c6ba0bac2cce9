//! How many events match.

use protocol::Filter;
use sqlx::Row;

use crate::{Store, StoreError, batch::signed, filter_sql::counted, query::bind};

impl Store {
    /// Events that match any of the filters and are not expired at `now` (unix seconds), each once. Limits are not
    /// looked at (NIP-45). Tags are matched by 64 bits of sha256: to make a count wrong takes a collision, which costs
    /// 2^32 hashes and gains nothing.
    pub async fn count(&self, filters: &[Filter], now: u64) -> Result<u64, StoreError> {
        let mut wanted = Vec::with_capacity(filters.len());
        for filter in filters {
            let own = self.wanted(filter).await?;
            let delegated = own.as_ref().and_then(|own| self.as_delegators(own));
            for one in own.into_iter().chain(delegated) {
                let driver = match filter.ids {
                    Some(_) => None,
                    None => Some(self.plan(&one, now).await?.driver),
                };
                wanted.push((one, driver));
            }
        }
        if wanted.is_empty() {
            return Ok(0);
        }
        let row = bind(&counted(&wanted, signed(now))).fetch_one(&self.counts).await;
        let count: Result<i64, sqlx::Error> = row.and_then(|row| row.try_get(0));
        count.map(i64::unsigned_abs).map_err(|source| StoreError::Query {
            operation: "count events",
            source,
        })
    }
}
