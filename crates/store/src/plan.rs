//! Which index a filter is answered by, and how far back it looks at first.

use protocol::Filter;

use crate::{
    Store, StoreError,
    batch::signed,
    filter_sql::{Driver, Wanted},
    rarest::Counted,
};

/// How a filter is answered.
#[derive(Debug)]
pub(crate) struct Plan {
    pub driver: Driver,
    /// The lower bound. If it is above the filter's own and gives too little, [`Store::further_back`] makes the next plan.
    pub since: i64,
    /// Whether few rows are expected since then, or few of them to match.
    pub is_sparse: bool,
    /// Whether every condition is known to have too many rows to drive without a lower bound.
    is_windowed: bool,
    /// What the window before it gave.
    found: usize,
    counted: Counted,
}

/// Whether a filter is worth a look at what is newest.
#[derive(Debug)]
pub(crate) enum Rarity {
    /// It is not: there is little to look at.
    Rare(Plan),
    /// It is. What has been counted of it.
    Popular(Counted),
}

/// Seconds of a long window.
const LONG: u64 = 7 * 86_400;

/// Where every condition alone has many rows, as two popular tags do, they are searched backwards in time, at first for as long as it
/// takes each to have something: a day, a week, and so on by eights.
const WINDOWS: [u64; 4] = [86_400, 8 * 86_400, 64 * 86_400, 512 * 86_400];

/// How many times as long the next window is at least, and at least where the last one gave nothing that the one before it had not.
const GROWTH: (u64, u64) = (2, 8);

impl Store {
    /// What drives where all that matches is wanted, not the newest: then of a single condition nothing has to be counted.
    pub(crate) async fn driver(&self, wanted: &Wanted<'_>, now: u64) -> Result<Driver, StoreError> {
        if let ([only], false) = (&candidates(wanted.filter)[..], wanted.as_delegators) {
            return Ok(*only);
        }
        let plan = match self.plan_if_rare(wanted).await? {
            Rarity::Rare(plan) => plan,
            Rarity::Popular(counted) => self.plan_if_popular(wanted, now, counted).await?,
        };
        Ok(plan.driver)
    }

    /// A filter with one condition has one way. With several the rarest drives, which only the index can tell.
    pub(crate) async fn plan_if_rare(&self, wanted: &Wanted<'_>) -> Result<Rarity, StoreError> {
        if wanted.as_delegators {
            // Such events are few, whatever else the filter says.
            return Ok(Rarity::Rare(Plan::whole(Driver::Delegators, wanted)));
        }
        let candidates = candidates(wanted.filter);
        let mut counted = Counted::default();
        if let [only] = candidates[..] {
            return Ok(if !self.has_many_values(only, wanted) {
                Rarity::Rare(Plan::whole(only, wanted))
            } else if self.is_sparse(wanted, only).await? {
                Rarity::Rare(Plan::bounded(only, wanted))
            } else {
                Rarity::Popular(counted)
            });
        }
        let since = wanted.since();
        let rarest = self.rare(wanted, &candidates, since, &mut counted).await?;
        Ok(match rarest {
            Some(rarest) => Rarity::Rare(Plan::bounded(rarest.driver, wanted)),
            None => Rarity::Popular(counted),
        })
    }

    /// Whether a tag is the only condition and has so many values that it is worth knowing whether these are popular.
    fn has_many_values(&self, only: Driver, wanted: &Wanted) -> bool {
        matches!(only, Driver::Tag(_)) && only.count(wanted.filter) as i64 >= self.bounds.values()
    }

    /// All conditions are popular, or the only one has many values.
    pub(crate) async fn plan_if_popular(
        &self,
        wanted: &Wanted<'_>,
        now: u64,
        mut counted: Counted,
    ) -> Result<Plan, StoreError> {
        let candidates = candidates(wanted.filter);
        if let [only] = candidates[..] {
            return Ok(Plan::whole(only, wanted));
        }
        let rarest = self
            .rarest(wanted, &candidates, wanted.since(), &mut counted)
            .await?;
        if rarest.is_bounded {
            return Ok(Plan::bounded(rarest.driver, wanted));
        }
        // Which of them is popular the least, the first window tells in which each has something.
        for since in windows(wanted, now) {
            let rarest = self.rarest(wanted, &candidates, since, &mut counted).await?;
            if rarest.has_each {
                return Ok(Plan {
                    driver: rarest.driver,
                    since,
                    is_sparse: rarest.is_bounded,
                    is_windowed: false,
                    found: 0,
                    counted,
                });
            }
        }
        let rarest = self.rarest_at_last(wanted, &candidates, &mut counted).await?;
        Ok(Plan {
            is_sparse: rarest.is_bounded,
            ..Plan::whole(rarest.driver, wanted)
        })
    }

    /// The plan to try after one that gave `found` of `asked`.
    pub(crate) async fn further_back(
        &self,
        wanted: &Wanted<'_>,
        now: u64,
        mut plan: Plan,
        found: usize,
        asked: usize,
    ) -> Result<Plan, StoreError> {
        let since = longer_window(wanted, now, &plan, found, asked);
        let is_long = end(wanted, now).saturating_sub(since.unsigned_abs()) > LONG;
        if is_long && !plan.is_windowed {
            let candidates = candidates(wanted.filter);
            let rarest = self
                .rarest_at_last(wanted, &candidates, &mut plan.counted)
                .await?;
            if rarest.is_bounded {
                return Ok(Plan::bounded(rarest.driver, wanted));
            }
        }
        Ok(Plan {
            since,
            // The windows before it have told.
            is_sparse: true,
            is_windowed: is_long,
            found,
            ..plan
        })
    }
}

impl Plan {
    fn whole(driver: Driver, wanted: &Wanted) -> Self {
        Self {
            driver,
            since: wanted.since(),
            is_sparse: false,
            is_windowed: false,
            found: 0,
            counted: Counted::default(),
        }
    }

    fn bounded(driver: Driver, wanted: &Wanted) -> Self {
        Self {
            is_sparse: true,
            ..Self::whole(driver, wanted)
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
fn longer_window(wanted: &Wanted, now: u64, plan: &Plan, found: usize, asked: usize) -> i64 {
    let end = end(wanted, now);
    let window = end.saturating_sub(plan.since.unsigned_abs());
    // What is found nowhere yet is at most as dense as one would be, and before the first event there is nothing at all.
    let least = if found == plan.found { GROWTH.1 } else { GROWTH.0 };
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
        let wanted = wanted(&filter);
        let plan = |since, found| Plan {
            since,
            found,
            ..Plan::whole(Driver::Time, &wanted)
        };
        let next = |since, found| longer_window(&wanted, 2_000_000, &plan(since, 0), found, 51);
        assert_eq!(next(990_000, 0), 240_000);
        assert_eq!(next(990_000, 10), 920_000);
        assert_eq!(next(990_000, 50), 980_000);
        assert_eq!(next(990_000, 1), 240_000);
        assert_eq!(next(900_000, 1), 1_000);
        let next =
            |before, found, asked| longer_window(&wanted, 2_000_000, &plan(990_000, before), found, asked);
        assert_eq!(next(0, 0, 2), 920_000);
        assert_eq!((next(48, 48, 51), next(47, 48, 51)), (920_000, 980_000));
    }
}
