//! Which index a filter is answered by, and how far back it looks at first.

use protocol::Filter;

use crate::{
    Store, StoreError,
    batch::signed,
    filter_sql::{Driver, Wanted},
};

/// How a filter is answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub driver: Driver,
    /// The lower bound. If it is above the filter's own and gives too little, [`Store::further_back`] makes the next plan.
    pub since: i64,
    /// Whether every condition is known to have too many rows to drive without a lower bound.
    is_windowed: bool,
}

/// Seconds of a long window.
const LONG: u64 = 7 * 86_400;

/// Where every condition alone has many rows, as two popular tags do, they are searched backwards in time, at first for as long as it
/// takes each to have something: a day, a week, and so on by eights.
const WINDOWS: [u64; 4] = [86_400, 8 * 86_400, 64 * 86_400, 512 * 86_400];

/// How many times as long the next window is at least, and at least where nothing was found.
const GROWTH: (u64, u64) = (2, 8);

impl Store {
    /// A filter with one condition has one way. With several the rarest drives, which only the index can tell.
    pub(crate) async fn plan(&self, wanted: &Wanted<'_>, now: u64) -> Result<Plan, StoreError> {
        if wanted.as_delegators {
            // Such events are few, whatever else the filter says.
            return Ok(Plan::whole(Driver::Delegators, wanted));
        }
        let candidates = candidates(wanted.filter);
        if let [only] = candidates[..] {
            return Ok(Plan::whole(only, wanted));
        }
        let rarest = self.rarest(wanted, &candidates, wanted.since()).await?;
        if rarest.looks.is_some() {
            return Ok(Plan::whole(rarest.driver, wanted));
        }
        // All are popular. Which of them is so the least, the first window tells in which each has something.
        for since in windows(wanted, now) {
            let rarest = self.rarest(wanted, &candidates, since).await?;
            if rarest.has_each {
                return Ok(Plan {
                    driver: rarest.driver,
                    since,
                    is_windowed: false,
                });
            }
        }
        let rarest = self.rarest_at_last(wanted, &candidates).await?;
        Ok(Plan::whole(rarest.driver, wanted))
    }

    /// The plan to try after one that gave `found` of `asked`.
    pub(crate) async fn further_back(
        &self,
        wanted: &Wanted<'_>,
        now: u64,
        plan: Plan,
        found: usize,
        asked: usize,
    ) -> Result<Plan, StoreError> {
        let since = longer_window(wanted, now, plan.since, found, asked);
        let is_long = end(wanted, now).saturating_sub(since.unsigned_abs()) > LONG;
        if is_long && !plan.is_windowed {
            let rarest = self.rarest_at_last(wanted, &candidates(wanted.filter)).await?;
            if rarest.looks.is_some() {
                return Ok(Plan::whole(rarest.driver, wanted));
            }
        }
        Ok(Plan {
            driver: plan.driver,
            since,
            is_windowed: is_long,
        })
    }
}

impl Plan {
    fn whole(driver: Driver, wanted: &Wanted) -> Self {
        Self {
            driver,
            since: wanted.since(),
            is_windowed: false,
        }
    }
}

/// The lower bounds of the windows that are less than all of the filter.
fn windows(wanted: &Wanted, now: u64) -> impl Iterator<Item = i64> {
    let (end, since) = (end(wanted, now), wanted.since());
    let starts = WINDOWS.map(|window| signed(end.saturating_sub(window)));
    starts.into_iter().filter(move |start| *start > since)
}

/// Where a window ends: where the filter does, or now.
fn end(wanted: &Wanted, now: u64) -> u64 {
    wanted.filter.until.map_or(now, |until| until.min(now))
}

/// The lower bound to try after one that gave `found` of `asked`: as far back as the rest takes, if it is as dense, and half as much again.
fn longer_window(wanted: &Wanted, now: u64, since: i64, found: usize, asked: usize) -> i64 {
    let end = end(wanted, now);
    let window = end.saturating_sub(since.unsigned_abs());
    // What is found nowhere yet is at most as dense as one would be.
    let least = if found == 0 { GROWTH.1 } else { GROWTH.0 };
    let growth = (asked as u64 * 3 / 2).div_ceil(found.max(1) as u64).max(least);
    signed(end.saturating_sub(window.saturating_mul(growth))).max(wanted.since())
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

    fn wanted(filter: &Filter) -> Wanted<'_> {
        Wanted {
            filter,
            authors: None,
            as_delegators: false,
            is_private: false,
            without: &[],
            search: None,
        }
    }

    #[test]
    fn windows_end_where_the_filter_does_and_grow_to_all_of_it() {
        let windows = |filter: &Filter, now| windows(&wanted(filter), now).collect::<Vec<_>>();
        let recent = Filter {
            since: Some(1_000_000),
            ..Filter::default()
        };
        assert_eq!(windows(&recent, 2_000_000), [1_913_600, 1_308_800]);
        let old = Filter {
            until: Some(900_000),
            ..Filter::default()
        };
        assert_eq!(windows(&old, 2_000_000), [813_600, 208_800]);
    }

    #[test]
    fn the_next_window_is_as_long_as_what_was_found_lets_expect() {
        let filter = Filter {
            since: Some(1_000),
            until: Some(1_000_000),
            ..Filter::default()
        };
        let next = |since, found| longer_window(&wanted(&filter), 2_000_000, since, found, 51);
        assert_eq!(next(990_000, 0), 240_000);
        assert_eq!(next(990_000, 10), 920_000);
        assert_eq!(next(990_000, 50), 980_000);
        assert_eq!(next(990_000, 1), 240_000);
        assert_eq!(next(900_000, 1), 1_000);
        assert_eq!(longer_window(&wanted(&filter), 2_000_000, 990_000, 0, 2), 920_000);
    }
}
