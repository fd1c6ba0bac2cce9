//! Which of several conditions has so little that it should drive: only the index can tell.

use protocol::Filter;
use sqlx::Row;

use crate::{
    Store, StoreError,
    filter_sql::{Driver, KINDS_OF_VALUE, MANY, Wanted, size},
    query::bind,
};

/// Looks up to which one of several conditions may drive, about 4 µs each: one for each slot, and one for each row that has to
/// be looked up by the other conditions.
const BOUNDED: i64 = 4000;

/// Looks up to which one may drive when the next window would be a long one, which may cost more: of few slots, of which a window
/// takes its part only, and of many, each of which costs a look in every window.
const AT_LAST: [i64; 2] = [2 * BOUNDED, 8 * BOUNDED];

/// Rows that are counted, at most.
const ROWS: i64 = 25 * BOUNDED;

/// Slots that are visited, at most, to know what there is to look at: each takes a look now and one later.
const SLOTS: i64 = 2 * BOUNDED;

/// Rows that cost as much as a look where the index itself has the other condition, as that of tags has the authors.
const ROWS_A_LOOK: i64 = 20;

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
    ) -> Result<Rarest, StoreError> {
        self.rarest_of(wanted, candidates, wanted.since(), AT_LAST).await
    }

    /// The one that takes the fewest looks since then.
    pub(crate) async fn rarest(
        &self,
        wanted: &Wanted<'_>,
        candidates: &[Driver],
        since: i64,
    ) -> Result<Rarest, StoreError> {
        // Where one is rare it is not worth knowing how popular another is.
        let rare = self
            .rarest_of(wanted, candidates, since, [BOUNDED / 16; 2])
            .await?;
        if rare.looks.is_some() || !rare.has_each {
            return Ok(rare);
        }
        self.rarest_of(wanted, candidates, since, [BOUNDED; 2]).await
    }

    /// The bounds are those of few and of many slots.
    async fn rarest_of(
        &self,
        wanted: &Wanted<'_>,
        candidates: &[Driver],
        since: i64,
        [of_few, of_many]: [i64; 2],
    ) -> Result<Rarest, StoreError> {
        // What is counted soonest comes first, and no other is for longer than it takes to lose.
        let mut candidates = candidates.to_vec();
        candidates.sort_by_key(|driver| {
            slots(*driver, wanted.filter) + BOUNDED * rows_a_look(*driver, wanted) / COUNTED_A_LOOK
        });
        let mut rarest = Rarest {
            driver: candidates.first().copied().unwrap_or(Driver::Time),
            looks: None,
            has_each: true,
        };
        for driver in candidates {
            let bound = rarest.looks.unwrap_or_else(|| {
                let is_many = slots(driver, wanted.filter) >= MANY as i64;
                bound_of(driver, wanted, if is_many { of_many } else { of_few })
            });
            let size = self.size(wanted, driver, since, bound).await?;
            if size.looks.is_some() || size.is_empty {
                rarest.driver = driver;
                rarest.looks = size.looks;
            }
            if size.is_empty {
                rarest.has_each = false;
                break;
            }
        }
        Ok(rarest)
    }

    /// What it takes to drive by this one: less than so many looks, or too many.
    async fn size(
        &self,
        wanted: &Wanted<'_>,
        driver: Driver,
        since: i64,
        most: i64,
    ) -> Result<Size, StoreError> {
        let rows_a_look = rows_a_look(driver, wanted);
        let most_slots = most.min(SLOTS);
        let most_rows = ROWS.min(most * rows_a_look);
        let query = size(wanted, driver, since, most_slots, most_rows);
        let row = bind(&query).fetch_one(&self.reads).await;
        let counts = row.and_then(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
        let (slots, rows): (i64, i64) = counts.map_err(|source| StoreError::Query {
            operation: "plan a query",
            source,
        })?;
        let looks = slots + rows / rows_a_look;
        Ok(Size {
            looks: Some(looks).filter(|looks| *looks < most && slots < most_slots && rows < most_rows),
            is_empty: rows == 0 && slots < most_slots,
        })
    }
}

/// Which condition drives.
#[derive(Debug)]
pub(crate) struct Rarest {
    pub driver: Driver,
    /// What it takes, if it is bounded.
    pub looks: Option<i64>,
    /// Whether each condition has something.
    pub has_each: bool,
}

struct Size {
    /// `None`: too many.
    looks: Option<i64>,
    is_empty: bool,
}

/// Where rows cost next to nothing its slots may be as many again: to look at them is all that it takes.
fn bound_of(driver: Driver, wanted: &Wanted, bound: i64) -> i64 {
    if rows_a_look(driver, wanted) == 1 {
        bound
    } else {
        bound + slots(driver, wanted.filter).min(2 * bound)
    }
}

/// Rows of a driver that cost as much as one look.
fn rows_a_look(driver: Driver, wanted: &Wanted) -> i64 {
    let (Driver::Tag(_), Some(authors), None) = (driver, &wanted.authors, &wanted.search) else {
        return 1;
    };
    if wanted.filter.tags.len() == 1 || authors.len() < MANY_AUTHORS {
        ROWS_A_LOOK
    } else {
        1
    }
}

/// About how many slots it has: of kinds that nobody names, or that are many, a value has a few.
fn slots(driver: Driver, filter: &Filter) -> i64 {
    let values = match driver {
        Driver::Tag(place) => filter.tags[place].values.len(),
        _ => filter.authors.as_ref().map_or(0, Vec::len),
    };
    let kinds = filter
        .kinds
        .as_ref()
        .map_or(KINDS_OF_VALUE, |kinds| kinds.len().min(KINDS_OF_VALUE));
    i64::try_from(values * kinds).unwrap_or(i64::MAX)
}
