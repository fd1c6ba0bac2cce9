//! The workers: jobs in, Postgres and answers out. The only writer of events; it never sees a socket.
//!
//! ```text
//! nostr:event → jobs/new_event → policy → batcher → store (one commit) → new events, then OKs → relay-ws
//! nostr:req   → jobs/new_subscription → store → pages → relay-ws
//! ```

mod announcer;
mod batcher;
mod context;
mod jobs;
mod latest;
mod membership;
mod metrics;
mod observe;
mod policy;
mod registry;
mod run;
mod schedule;
mod write_policy;

pub use run::{RunError, invite, migrate, run};
