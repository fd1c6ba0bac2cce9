//! What operators decided about who and what may come in. Each act notes who did it, in the same transaction.

mod addresses;
mod current;
mod events;
mod info;
mod kinds;
mod levels;
mod names;
mod pubkeys;
mod reported;
mod roles;

use sqlx::{PgConnection, Postgres, Transaction};

use crate::{NewAuditEntry, Store, StoreError};

pub use info::InfoField;
pub use levels::{Subscriber, TrustedAuthor};
pub use names::{Name, NewName};
pub use reported::Reported;
pub use roles::Role;

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may not.
    Banned,
    /// It may.
    Allowed,
}

/// A ruling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruled<T> {
    /// About whom or what.
    pub what: T,
    /// Why; may be empty.
    pub reason: String,
    /// Who decided.
    pub operator: String,
    /// Unix seconds.
    pub at: i64,
}

/// Which part of a list.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// Entries to skip.
    pub offset: i64,
    /// Entries at most.
    pub limit: i64,
}

impl Part {
    /// Everything.
    pub const ALL: Self = Self {
        offset: 0,
        limit: i64::MAX,
    };
}

impl Store {
    async fn begin(
        &self,
        failed: impl Fn(sqlx::Error) -> StoreError,
    ) -> Result<Transaction<'static, Postgres>, StoreError> {
        self.writes.begin().await.map_err(failed)
    }
}

/// Notes in the transaction of the act.
async fn note(connection: &mut PgConnection, entry: NewAuditEntry<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO audit_log (operator, act, target, old, new) VALUES ($1, $2, $3, $4, $5)",
        entry.operator,
        entry.act,
        entry.target,
        entry.old,
        entry.new
    )
    .execute(connection)
    .await
    .map(drop)
}
