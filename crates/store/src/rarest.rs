//! Which of several conditions has so little that it should drive: only the index can tell.

use sqlx::Row;

use crate::{
    Store, StoreError,
    filter_sql::{Driver, KINDS, KINDS_OF_VALUE, MANY, Wanted, size},
};

/// Rows that cost as much as a look where the index itself has the other condition, as that of tags has the authors.
const ROWS_OF_INDEX: i64 = 20;

/// Rows of many slots that cost as much as a look: they are looked up from the newest on, until there are enough.
const ROWS_OF_MANY: i64 = 4;

/// Rows that are counted in the time of a look.
const COUNTED_A_LOOK: i64 = 40;

/// Authors among whom so many are found that other tags are looked up for a good part of the rows.
const MANY_AUTHORS: usize = 200;

impl Store {
    /// The one that takes the fewest looks at all, when the next window would be a long one.
    pub(crate) async fn rarest_at_last(
        &self,
        wanted: &Wanted<'_>,
        candidates: &[Driver],
        counted: &mut Counted,
    ) -> Result<Rarest, StoreError> {
        self.rarest_of(wanted, candidates, wanted.since(), self.bounds.at_last(), counted)
            .await
    }

    /// The one that takes the fewest looks since then.
    pub(crate) async fn rarest(
        &self,
        wanted: &Wanted<'_>,
        candidates: &[Driver],
        since: i64,
        counted: &mut Counted,
    ) -> Result<Rarest, StoreError> {
        match self.rare(wanted, candidates, since, counted).await? {
            Some(rare) => Ok(rare),
            None => {
                self.rarest_of(wanted, candidates, since, [self.bounds.looks(); 2], counted)
                    .await
            }
        }
    }

    /// One that takes very few looks since then.
    pub(crate) async fn rare(
        &self,
        wanted: &Wanted<'_>,
        candidates: &[Driver],
        since: i64,
        counted: &mut Counted,
    ) -> Result<Option<Rarest>, StoreError> {
        let rarest = self
            .rarest_of(wanted, candidates, since, [self.bounds.rare(); 2], counted)
            .await?;
        Ok(Some(rarest).filter(|rarest| rarest.is_bounded || !rarest.has_each))
    }

    /// Whether its slots have a few rows each.
    pub(crate) async fn is_sparse(&self, wanted: &Wanted<'_>, driver: Driver) -> Result<bool, StoreError> {
        let reach = Reach::of(driver, wanted);
        let most = reach.slots.saturating_mul(3);
        let counted = &mut Counted::default();
        let size = self
            .size(
                wanted,
                reach,
                wanted.since(),
                most,
                self.bounds.few_slots(),
                counted,
            )
            .await?;
        Ok(size.is_bounded)
    }

    /// The bounds are those of few and of many slots, beside the slots themselves.
    async fn rarest_of(
        &self,
        wanted: &Wanted<'_>,
        candidates: &[Driver],
        since: i64,
        [of_few, of_many]: [i64; 2],
        counted: &mut Counted,
    ) -> Result<Rarest, StoreError> {
        // What is counted soonest comes first, and no other is for longer than it takes to lose.
        let mut candidates: Vec<_> = candidates
            .iter()
            .map(|driver| Reach::of(*driver, wanted))
            .collect();
        candidates
            .sort_by_key(|reach| reach.slots + self.bounds.looks() * reach.rows_a_look / COUNTED_A_LOOK);
        let mut rarest: Option<(Driver, Size)> = None;
        for reach in candidates {
            let bound = if reach.is_many() { of_many } else { of_few };
            let bound = bound + reach.slots.min(2 * bound);
            let most = match &rarest {
                Some((_, size)) if size.is_bounded => size.looks,
                _ => bound,
            };
            let size = self
                .size(wanted, reach, since, most, self.bounds.slots(), counted)
                .await?;
            if size.is_empty {
                return Ok(Rarest::new(reach.driver, size));
            }
            let is_rarer = rarest.is_none_or(|(_, known)| size.is_rarer_than(known));
            if is_rarer {
                rarest = Some((reach.driver, size));
            }
        }
        Ok(rarest.map_or_else(Rarest::default, |(driver, size)| Rarest::new(driver, size)))
    }

    /// What it takes to drive by this one, as far as it is worth knowing: whether it is less than `most`.
    async fn size(
        &self,
        wanted: &Wanted<'_>,
        reach: Reach,
        since: i64,
        most: i64,
        most_slots: i64,
        counted: &mut Counted,
    ) -> Result<Size, StoreError> {
        if reach.slots >= most {
            return Ok(Size::unknown(most));
        }
        // All rows of a wide one are counted, whatever the window is.
        let since_counted = if reach.is_wide { wanted.since() } else { since };
        if let Some(size) = counted.size(reach.driver, since_counted, most) {
            return Ok(size);
        }
        let most_slots = most.min(most_slots);
        let part = |rows: i64| rows * most_slots / reach.slots.max(most_slots);
        let most_rows = self.bounds.rows().min(part(most * reach.rows_a_look)).max(1);
        let query = size(wanted, reach.driver, since, most_slots, most_rows);
        let row = query.bind().fetch_one(&self.reads).await;
        let counts = row.and_then(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        let (slots, rows): (i64, i64) = counts.map_err(|source| StoreError::Query {
            operation: "plan a query",
            source,
        })?;
        let has_all_slots = slots < most_slots || reach.is_exact && slots == reach.slots;
        let has_all_rows = rows < most_rows;
        let all = if has_all_slots && has_all_rows {
            slots
        } else {
            reach.slots.max(slots)
        };
        let is_known = has_all_rows && (has_all_slots || all > slots);
        let looks = all + rows * all / slots.max(1) / reach.rows_a_look;
        let size = Size {
            looks: if is_known { looks } else { most },
            is_known,
            is_bounded: false,
            is_empty: rows == 0 && has_all_slots,
        };
        counted.0.push((reach.driver, since_counted, most, size));
        Ok(size.within(most))
    }
}

/// What has been counted of a filter's conditions.
#[derive(Debug, Default)]
pub(crate) struct Counted(Vec<(Driver, i64, i64, Size)>);

impl Counted {
    /// What is known of a driver since then, if it is enough to say whether it takes less than `most`.
    fn size(&self, driver: Driver, since: i64, most: i64) -> Option<Size> {
        let mut known = self
            .0
            .iter()
            .filter(|(of, from, ..)| (*of, *from) == (driver, since));
        let enough = known.find(|(.., counted, size)| size.is_known || *counted >= most);
        enough.map(|(.., size)| size.within(most))
    }
}

/// Which condition drives.
#[derive(Debug)]
pub(crate) struct Rarest {
    pub driver: Driver,
    /// Whether it takes few looks.
    pub is_bounded: bool,
    /// Whether each condition has something.
    pub has_each: bool,
}

impl Rarest {
    fn new(driver: Driver, size: Size) -> Self {
        Self {
            driver,
            is_bounded: size.is_bounded || size.is_empty,
            has_each: !size.is_empty,
        }
    }
}

impl Default for Rarest {
    fn default() -> Self {
        Self {
            driver: Driver::Time,
            is_bounded: false,
            has_each: true,
        }
    }
}

/// What it takes to drive by a condition.
#[derive(Debug, Clone, Copy)]
struct Size {
    /// Looks; at least so many if they are not known.
    looks: i64,
    is_known: bool,
    is_bounded: bool,
    /// Whether it has nothing at all.
    is_empty: bool,
}

impl Size {
    /// At least so many looks.
    fn unknown(looks: i64) -> Self {
        Self {
            looks,
            is_known: false,
            is_bounded: false,
            is_empty: false,
        }
    }

    fn within(self, most: i64) -> Self {
        Self {
            is_bounded: self.is_known && self.looks < most,
            ..self
        }
    }

    /// Of what is not known there is most likely much more.
    fn is_rarer_than(self, other: Self) -> bool {
        let likely = |size: Self| if size.is_known { size.looks } else { 2 * size.looks };
        likely(self) < likely(other)
    }
}

/// What a condition reaches, whatever is stored.
#[derive(Debug, Clone, Copy)]
struct Reach {
    driver: Driver,
    /// About how many slots it has: of kinds that nobody names, or that are many, a value has a few.
    slots: i64,
    /// Whether it has exactly so many.
    is_exact: bool,
    /// Whether these are values, of each of which all rows are counted.
    is_wide: bool,
    /// Its rows that cost as much as one look.
    rows_a_look: i64,
}

impl Reach {
    fn of(driver: Driver, wanted: &Wanted) -> Self {
        let filter = wanted.filter;
        let is_wide = driver.is_wide(filter);
        let exact = match &filter.kinds {
            _ if is_wide => Some(1),
            Some(kinds) if kinds.len() <= KINDS => Some(kinds.len()),
            _ => None,
        };
        let kinds = exact.unwrap_or(KINDS_OF_VALUE);
        let slots = i64::try_from(driver.count(filter) * kinds).unwrap_or(i64::MAX);
        Self {
            driver,
            slots,
            is_exact: exact.is_some(),
            is_wide,
            rows_a_look: rows_a_look(driver, wanted, slots),
        }
    }

    fn is_many(self) -> bool {
        self.slots >= MANY as i64
    }
}

/// Rows of a driver that cost as much as one look.
fn rows_a_look(driver: Driver, wanted: &Wanted, slots: i64) -> i64 {
    let is_by_index = match (driver, &wanted.authors, &wanted.search) {
        (Driver::Tag(_), Some(authors), None) => {
            wanted.filter.tags.len() == 1 || authors.len() < MANY_AUTHORS
        }
        _ => false,
    };
    if is_by_index {
        ROWS_OF_INDEX
    } else if slots >= MANY as i64 {
        ROWS_OF_MANY
    } else {
        1
    }
}
