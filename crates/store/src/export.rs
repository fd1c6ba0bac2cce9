//! Everything that matches, one event after the other: as of one moment, and however much it is in little memory.

use std::{ops::ControlFlow, time::Duration};

use futures::TryStreamExt;
use protocol::{Event, Filter, Reader};
use sqlx::{Executor, Row};

use crate::{
    Store, StoreError,
    batch::signed,
    filter_sql::{Order, every},
};

/// As of one moment, whatever is stored or removed meanwhile; and planned by index, as all filters are.
const ONE_MOMENT: &str = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; \
    SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; \
    SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off";

/// How long the next row may take: what matches may lie far apart.
const UNTIL_A_ROW: Duration = Duration::from_secs(3600);

impl Store {
    /// Hands the canonical JSON of every event that matches any of the filters and is not expired at `now` (unix seconds) to
    /// `each`, once, until that breaks. No filters: every event. A filter with a limit gives its newest. No statement timeout.
    pub async fn export(
        &self,
        filters: &[Filter],
        order: Order,
        now: u64,
        mut each: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let views = Reader::OPERATOR.views_of(filters);
        let wanted = self.wanted_all(&views, now).await?;
        if wanted.is_empty() && !filters.is_empty() {
            return Ok(());
        }
        // What was found by 64 bits of a tag is looked at once more.
        let is_exact = filters.iter().all(|filter| filter.tags.is_empty());
        let query = every(&wanted, order, signed(now));
        let exporting = async {
            let mut moment = self.writes.begin().await?.within(UNTIL_A_ROW);
            moment.execute(ONE_MOMENT).await?;
            let mut rows = query.bind().fetch(&mut moment);
            while let Some(row) = rows.try_next().await? {
                let json: &[u8] = row.try_get(0)?;
                if (is_exact || matches_any(filters, json, self.delegation)) && each(json).is_break() {
                    break;
                }
            }
            Ok(())
        };
        exporting.await.map_err(|source| StoreError::Query {
            operation: "export events",
            source,
        })
    }
}

fn matches_any(filters: &[Filter], json: &[u8], delegation: bool) -> bool {
    serde_json::from_slice::<Event>(json).is_ok_and(|event| {
        let delegator = event.delegator().filter(|_| delegation);
        filters.iter().any(|filter| filter.matches_for(&event, delegator))
    })
}
