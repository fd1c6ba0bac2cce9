//! Postgres: events in, events out. The only crate with SQL.
//!
//! In: [`VerifiedEvent`](protocol::VerifiedEvent)s and [`Filter`](protocol::Filter)s. Out: a [`SaveOutcome`] each, and
//! the canonical bytes of what matches. A refusal is a value; an error is a fault of the database.

mod accepted_after;
mod auth_level;
mod authors;
mod batch;
mod bounds;
mod connections;
mod count;
mod deletion;
mod error;
mod expired;
mod export;
mod filter_sql;
mod keys;
mod known;
mod level_changes;
mod membership;
mod operators;
mod plan;
mod query;
mod rarest;
mod recheck;
mod record_set;
mod rulings;
mod save;
mod search;
mod vanish;
mod vitals;
mod window;

use std::{str::FromStr, sync::Arc, time::Duration};

use sqlx::{ConnectOptions, migrate::Migrator, postgres::PgConnectOptions};

use authors::AuthorIds;
use bounds::Bounds;
use connections::Connections;
use search::Searching;
use window::Window;

pub use accepted_after::Accepted;
pub use count::{AuthorCount, Estimate};
pub use error::StoreError;
pub use filter_sql::Order;
pub use level_changes::{LevelChange, LevelChanges};
pub use membership::{Invite, Joined, ListTurn, Member};
pub use operators::{
    Account, AuditEntry, Credentials, NewAuditEntry, NewOperator, NewSession, Session, SessionOperator,
};
pub use query::{Found, Rest, StoredEvent};
pub use record_set::{Followed, Record, RecordSet};
pub use rulings::{
    InfoField, Name, NewName, Part, Reported, Role, Ruled, Subscriber, TrustedAuthor, Verdict,
};
pub use save::{SaveOutcome, Saved};
pub use search::SearchStep;
pub use vitals::{PostgresVitals, Replica, TableSize};
pub use window::WindowStats;

/// The schema.
pub static MIGRATOR: Migrator = sqlx::migrate!("../../migrations");

/// Beyond the statement timeout, by when Postgres itself ends a query: what it may take until the answer is here.
const GRACE: Duration = Duration::from_secs(3);

/// Connections for counts. Each may keep a core busy for seconds: they must not take those of everybody else.
const FOR_COUNTS: u32 = 2;

/// Connections for writes. Batches take turns anyway; the other is for maintenance and small things.
const FOR_WRITES: u32 = 2;

/// Prepared statements of a connection. Filters of every shape make some hundred texts, nearly all of them a few dozen.
const STATEMENTS: usize = 256;

/// The database of a relay. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    /// For filters: these connections plan as the SQL is written, by index, whatever the statistics say.
    reads: Connections,
    /// For counts, in the same way: a few, since each may read much.
    counts: Connections,
    /// For everything else.
    writes: Connections,
    authors: Arc<AuthorIds>,
    /// Whether events are found by those whom they were signed for (NIP-26).
    delegation: bool,
    /// The newest events, if they are kept in memory.
    window: Option<Arc<Window>>,
    /// What full-text search needs, if it is on.
    searching: Option<Arc<Searching>>,
    /// The last change that those who ask can know of.
    change: Option<u64>,
    /// What it may take to find out how a filter is answered best.
    bounds: Bounds,
}

impl Store {
    /// Connects, at most so often (at least five times). `statement_timeout` is for queries; a batch of events has no limit but its size.
    pub async fn connect(
        url: &str,
        max_connections: u32,
        statement_timeout: Duration,
    ) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url).map_err(StoreError::Connect)?;
        let patience = statement_timeout + GRACE;
        let for_reads = max_connections.saturating_sub(FOR_COUNTS + FOR_WRITES).max(1);
        let timeout = format!("{}ms", statement_timeout.as_millis());
        let by_index = |name| {
            options.clone().statement_cache_capacity(STATEMENTS).options([
                ("application_name", name),
                ("statement_timeout", timeout.as_str()),
                ("plan_cache_mode", "force_generic_plan"),
                ("enable_seqscan", "off"),
                // A bitmap over the whole time window, for a guess of its selectivity: 30 ms where 20 ids take 0.03.
                ("enable_bitmapscan", "off"),
                ("enable_hashjoin", "off"),
                ("enable_mergejoin", "off"),
                ("max_parallel_workers_per_gather", "0"),
                ("jit", "off"),
            ])
        };
        let reads = Connections::new(by_index("switchyard-reads"), for_reads, patience);
        reads.acquire().await.map_err(StoreError::Connect)?;
        let counts = Connections::new(by_index("switchyard-counts"), FOR_COUNTS, patience);
        let plain = [
            ("application_name", "switchyard-writes"),
            ("plan_cache_mode", "force_generic_plan"),
            ("jit", "off"),
        ];
        // A batch has no statement timeout.
        let writes = Connections::new(options.options(plain), FOR_WRITES, 2 * patience);
        Ok(Self {
            reads,
            counts,
            writes,
            authors: Arc::default(),
            delegation: false,
            window: None,
            searching: None,
            change: None,
            bounds: Bounds::default(),
        })
    }

    /// Looks at indexes, 4 µs each, up to which a condition of a filter is not taken for popular: 4000. The answers are the same with any
    /// number; with a small one, a small database meets every way to find them.
    #[must_use]
    pub fn with_looks(mut self, looks: u32) -> Self {
        self.bounds = Bounds::new(looks);
        self
    }

    /// Whether events with a delegation tag (NIP-26) are found by the delegator as well, who may delete them, too. Whoever saves
    /// them has checked the tag. Before [`Self::with_window`].
    #[must_use]
    pub fn with_delegation(mut self, is_on: bool) -> Self {
        self.delegation = is_on;
        self
    }

    /// Keeps the newest events in memory, up to so many bytes (0: none), and answers from there what lies in them. Loads in the
    /// background; the answers are the same before, after and without. Needs the tokio runtime.
    #[must_use]
    pub fn with_window(mut self, bytes: usize) -> Self {
        if bytes > 0 {
            let window = Arc::new(Window::new(self.reads.clone(), bytes, self.delegation));
            tokio::spawn(Window::keep(Arc::downgrade(&window)));
            self.window = Some(window);
        }
        self
    }

    /// The same store, for questions that came when `change` was the last change known: events stored or removed, by any process.
    /// When the window was brought up to date for a question of the same change, within a second, it is not looked for more. Changes are
    /// told apart by their numbers, nothing else.
    #[must_use]
    pub fn as_of(&self, change: Option<u64>) -> Self {
        Self {
            change,
            ..self.clone()
        }
    }

    /// What the window has and does.
    pub fn window_stats(&self) -> WindowStats {
        self.window
            .as_ref()
            .map_or_else(WindowStats::default, |window| window.stats())
    }

    /// Brings the schema up to date.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        // Takes as long as it takes.
        let connection = self.writes.options().connect().await;
        let mut connection = connection.map_err(StoreError::Connect)?;
        MIGRATOR.run(&mut connection).await.map_err(StoreError::Migrate)
    }

    /// Whether Postgres answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let pong = sqlx::query!("SELECT 1 AS one").fetch_one(&self.reads).await;
        pong.map(drop).map_err(|source| StoreError::Query {
            operation: "ping",
            source,
        })
    }
}
