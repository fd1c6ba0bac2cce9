//! The workers: jobs in, Postgres and answers out. The only writer of events; it never sees a socket.
//!
//! ```text
//! nostr:event → jobs/new_event → policy → batcher → store (one commit) → new events, then OKs → relay-ws
//! nostr:negentropy → jobs/reconcile → sets → store → reconciliation → answers
//! nostr:req   → jobs/new_subscription → store → pages → relay-ws
//! ```

mod announcer;
mod batcher;
mod context;
mod examine;
mod jobs;
mod jsonl;
mod latest;
mod levels;
mod management;
mod membership;
mod metrics;
mod observe;
mod policy;
pub mod reconciliation;
mod registry;
mod rulings;
mod run;
mod schedule;
mod sets;
mod vanish;
mod write_policy;

pub use jsonl::{ExportError, ExportOptions, ImportError, ImportOptions};
pub use run::{RunError, export, import, invite, migrate, run};
