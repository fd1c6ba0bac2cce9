//! Full-text search ([NIP-50](https://nips.nostr.com/50)): events by their words, the best first.
//!
//! The words are made by [`protocol::search`], stored as a `tsvector` behind ingest (`follow.rs`), and found by its GIN index
//! together with marks (`marks.rs`) for author, kind and time. A common word stands in most events, so what is ranked
//! is bounded: the newest matches, found backwards in time.

mod candidates;
mod follow;
mod marks;
mod progress;
mod ranked;
mod tsquery;
mod tsvector;

use std::{sync::Arc, time::Duration};

use protocol::SearchRules;

use crate::{GRACE, Store, StoreError, connections::Connections};

pub use follow::SearchStep;
pub(crate) use tsquery::{TsQuery, tsquery};

/// Connections for searches. Each may keep a core busy: they must not take those of everybody else.
const FOR_SEARCHES: u32 = 2;

/// What a store needs to search.
#[derive(Debug)]
pub(crate) struct Searching {
    pub rules: SearchRules,
    /// These connections know the plan that a GIN index needs, which others must not take.
    pub searches: Connections,
    /// Matches that are ranked at most.
    ranked: u32,
}

impl Store {
    /// Makes the kinds that the rules name searchable. Of what matches the newest `ranked` are ranked; a search that runs longer
    /// than `timeout` is cancelled.
    #[must_use]
    pub fn with_search(mut self, rules: SearchRules, ranked: u32, timeout: Duration) -> Self {
        if rules.is_on() {
            let milliseconds = format!("{}ms", timeout.as_millis());
            let options = self.reads.options().clone().options([
                ("application_name", "switchyard-searches"),
                ("statement_timeout", milliseconds.as_str()),
                ("enable_bitmapscan", "on"),
            ]);
            let searches = Connections::new(options, FOR_SEARCHES, timeout + GRACE);
            self.searching = Some(Arc::new(Searching {
                rules,
                searches,
                ranked,
            }));
        }
        self
    }
}

fn failed(source: sqlx::Error) -> StoreError {
    StoreError::Query {
        operation: "search events",
        source,
    }
}
