//! Which index a filter is answered by, and how far back it looks at first.

use protocol::Filter;
use sqlx::Row;

use crate::{
    Store, StoreError,
    batch::signed,
    filter_sql::{Driver, Wanted, sizes},
    query::bind,
};

/// How a filter is answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub driver: Driver,
    /// Lower bounds to try one after the other, until one gives enough; the last is the filter's own.
    pub since: Vec<i64>,
}

/// Rows up to which one of several conditions may drive: each costs a look at the others, about 4 µs.
pub(crate) const BOUNDED: i64 = 4000;

/// Where every condition alone has many rows, as two popular tags do, they are searched backwards in time: a day, a week,
/// and so on by eights. What is common to both is then found in the first days, or is so rare that all has to be read.
const WINDOWS: [u64; 4] = [86_400, 8 * 86_400, 64 * 86_400, 512 * 86_400];

impl Store {
    /// A filter with one condition has one way. With several the rarest drives, which only the index can tell.
    pub(crate) async fn plan(&self, wanted: &Wanted<'_>, now: u64) -> Result<Plan, StoreError> {
        let whole = vec![wanted.since()];
        if wanted.as_delegators {
            // Such events are few, whatever else the filter says.
            return Ok(Plan {
                driver: Driver::Delegators,
                since: whole,
            });
        }
        let candidates = candidates(wanted.filter);
        if let [only] = candidates[..] {
            return Ok(Plan {
                driver: only,
                since: whole,
            });
        }
        let (driver, size) = self.rarest(wanted, &candidates, wanted.since()).await?;
        if size < BOUNDED {
            return Ok(Plan { driver, since: whole });
        }
        let since = windows(wanted, now);
        // All are popular. Which of them is so the least, the first window tells in which each has something; that of all times is counted.
        for start in &since[..since.len() - 1] {
            let (driver, size) = self.rarest(wanted, &candidates, *start).await?;
            if size > 0 {
                return Ok(Plan { driver, since });
            }
        }
        Ok(Plan { driver, since })
    }

    /// The one with the fewest rows since then, and how many these are; no more than [`BOUNDED`] are counted.
    pub(crate) async fn rarest(
        &self,
        wanted: &Wanted<'_>,
        candidates: &[Driver],
        since: i64,
    ) -> Result<(Driver, i64), StoreError> {
        let query = sizes(wanted, candidates, since, BOUNDED);
        let row = bind(&query).fetch_one(&self.reads).await;
        let sizes: Result<Vec<i64>, sqlx::Error> = row.and_then(|row| row.try_get(0));
        let sizes = sizes.map_err(|source| StoreError::Query {
            operation: "plan a query",
            source,
        })?;
        let rarest = candidates
            .iter()
            .copied()
            .zip(sizes)
            .min_by_key(|(_, size)| *size);
        Ok(rarest.unwrap_or((Driver::Time, 0)))
    }
}

fn windows(wanted: &Wanted, now: u64) -> Vec<i64> {
    let end = wanted.filter.until.map_or(now, |until| until.min(now));
    let starts = WINDOWS.map(|window| signed(end.saturating_sub(window)));
    let mut since: Vec<i64> = starts
        .into_iter()
        .filter(|start| *start > wanted.since())
        .collect();
    since.push(wanted.since());
    since
}

/// At least one.
fn candidates(filter: &Filter) -> Vec<Driver> {
    let mut candidates: Vec<Driver> = (0..filter.tags.len()).map(Driver::Tag).collect();
    if filter.authors.is_some() {
        candidates.push(Driver::Authors);
    }
    if candidates.is_empty() {
        candidates.push(if filter.kinds.is_some() {
            Driver::Kinds
        } else {
            Driver::Time
        });
    }
    candidates
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_end_where_the_filter_does_and_grow_to_all_of_it() {
        let windows = |filter: &Filter, now| {
            windows(
                &Wanted {
                    filter,
                    authors: None,
                    as_delegators: false,
                    is_private: false,
                    without: &[],
                    search: None,
                },
                now,
            )
        };
        let recent = Filter {
            since: Some(1_000_000),
            ..Filter::default()
        };
        assert_eq!(windows(&recent, 2_000_000), [1_913_600, 1_308_800, 1_000_000]);
        let old = Filter {
            until: Some(900_000),
            ..Filter::default()
        };
        assert_eq!(windows(&old, 2_000_000), [813_600, 208_800, 0]);
    }
}
