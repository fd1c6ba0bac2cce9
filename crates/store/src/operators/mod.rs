//! Who runs the relay in a browser: accounts, their Nostr keys, their sessions, and what they did.

mod accounts;
mod audit;
mod keys;
mod sessions;

pub use accounts::{Account, Credentials, NewOperator};
pub(crate) use audit::note;
pub use audit::{AuditEntry, NewAuditEntry};
pub use sessions::{NewSession, Session, SessionOperator};
