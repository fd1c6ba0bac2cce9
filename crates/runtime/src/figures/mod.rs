//! The figures of all processes together, of the last hour: what an operator looks at.
//!
//! Each process adds up in memory (that is what its metrics are) and writes what came in the last [`SLOT_S`] seconds into
//! a hash in Redis that all processes share, one hash a slot: one pipeline every five seconds, nothing per message.
//! Nobody has to be there to collect, so the hour is whole whoever was restarted, admin included. The hashes expire.
//!
//! # Keys
//!
//! | key | type | what |
//! | --- | --- | --- |
//! | `figures:<slot>` | HASH, expires after the hour | what all processes counted in the five seconds from `<slot>`, unix seconds |
//! | `processes` | HASH by process | what each is, [`ProcessRecord`] in JSON, written anew in every slot |
//!
//! A field of `figures:<slot>` is the name of a metric with the values of its labels, `jobs_total{nostr:event,done}`. Of a
//! histogram each bucket is a field, `worker_commit_seconds<0.005`, with what fell between the bound below and this one.

mod exposition;
mod history;
mod processes;
mod report;

pub use history::{FiguresError, History, Slot, quantile};
pub use processes::ProcessRecord;
pub use report::{Figures, Kept, Reporting};

/// Seconds of a slot.
pub const SLOT_S: u64 = 5;

/// Slots that are kept: an hour of them.
pub const SLOTS: u64 = 3600 / SLOT_S;

/// A slot lives this long, in seconds: the hour, and some time to read it.
const EXPIRY_S: i64 = 3600 + 60;

/// The slot that a moment lies in: the unix seconds of its start.
fn slot_of(unix_ms: u64) -> u64 {
    unix_ms / 1000 / SLOT_S * SLOT_S
}

fn slot_key(namespace: &str, slot: u64) -> String {
    format!("{namespace}figures:{slot}")
}

fn processes_key(namespace: &str) -> String {
    format!("{namespace}processes")
}
