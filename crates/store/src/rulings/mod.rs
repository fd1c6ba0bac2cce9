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

use crate::{NewAuditEntry, Store, StoreError, connections::Lent, operators::note};

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
    async fn begin(&self, failed: impl Fn(sqlx::Error) -> StoreError) -> Result<Lent, StoreError> {
        self.writes.begin().await.map_err(failed)
    }
}

/// A ruling as the log has it.
struct Ruling<'a> {
    operator: &'a str,
    verdict: Verdict,
    /// `event`, `kind` or `pubkey`.
    about: &'static str,
    target: String,
}

impl Ruling<'_> {
    /// Notes that it holds from now on.
    async fn note(&self, connection: &mut Lent, reason: &str) -> Result<(), sqlx::Error> {
        let act = match self.verdict {
            Verdict::Banned => "ban",
            Verdict::Allowed => "allow",
        };
        self.write(connection, act, "", reason).await
    }

    /// Notes that it is taken back, for which reason it was, and commits; whether there was one.
    async fn note_end(&self, mut transaction: Lent, reason: Option<String>) -> Result<bool, sqlx::Error> {
        if let Some(reason) = &reason {
            let act = match self.verdict {
                Verdict::Banned => "unban",
                Verdict::Allowed => "unallow",
            };
            self.write(&mut transaction, act, reason, "").await?;
        }
        transaction.commit().await?;
        Ok(reason.is_some())
    }

    async fn write(&self, connection: &mut Lent, act: &str, old: &str, new: &str) -> Result<(), sqlx::Error> {
        let entry = NewAuditEntry {
            operator: self.operator,
            act: &format!("access.{act}_{}", self.about),
            target: &self.target,
            old,
            new,
        };
        note(connection, entry).await
    }
}
