//! Connections that say nothing: when a network swallows them, neither side is told.

use std::{io, time::Duration};

use sqlx::{Postgres, pool::PoolConnection};
use tokio::time::error::Elapsed;

/// How long answers may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// To a query.
    pub reads: Duration,
    /// To a batch, which has no statement timeout.
    pub writes: Duration,
}

impl Patience {
    /// What Postgres itself would have ended by then.
    pub fn beyond(statement_timeout: Duration) -> Self {
        let reads = statement_timeout + Duration::from_secs(3);
        Self {
            reads,
            writes: 2 * reads,
        }
    }
}

/// The answer, if it came in time. Else the connection is closed and leaves its place to a new one: whatever it may
/// still say belongs to nobody.
pub(crate) fn in_time<T>(
    connection: PoolConnection<Postgres>,
    answer: Result<Result<T, sqlx::Error>, Elapsed>,
) -> Result<T, sqlx::Error> {
    answer.unwrap_or_else(|_| {
        drop(connection.detach());
        let why = "Postgres does not answer: the connection is given up";
        Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, why)))
    })
}
