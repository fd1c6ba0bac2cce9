//! How many events match.

use protocol::Filter;
use sqlx::Row;

use crate::{
    Store, StoreError,
    filter_sql::{Arg, FilterQuery},
    query::bind,
};

impl Store {
    /// Events that match any of the filters and are not expired at `now` (unix seconds), each once. Limits are not
    /// looked at (NIP-45).
    pub async fn count(&self, filters: &[Filter], now: u64) -> Result<u64, StoreError> {
        let (mut parts, mut args): (Vec<String>, Vec<Arg>) = (Vec::new(), Vec::new());
        for filter in filters.iter().filter(|filter| !filter.matches_nothing()) {
            let query = FilterQuery::all(filter, now);
            parts.push(renumbered(&query.sql, args.len()));
            args.extend(query.args);
        }
        if parts.is_empty() {
            return Ok(0);
        }
        let sql = format!("SELECT count(*) FROM ({}) matching", parts.join(" UNION "));
        let counted = bind(&sql, &args).fetch_one(&self.counts).await;
        let count: Result<i64, sqlx::Error> = counted.and_then(|row| row.try_get(0));
        count.map(i64::unsigned_abs).map_err(|source| StoreError::Query {
            operation: "count events",
            source,
        })
    }
}

/// The parameters of a statement that follows others.
fn renumbered(sql: &str, before: usize) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut parts = sql.split('$');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let digits = part.len() - part.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: usize = part[..digits].parse().unwrap_or_default();
        out.push('$');
        out.push_str(&(number + before).to_string());
        out.push_str(&part[digits..]);
    }
    out
}
