//! The websocket process: thin, and the only one that clients see. It checks messages, enqueues jobs, and passes on what
//! comes back. It never touches Postgres.
//!
//! ```text
//! listener → router → admission → socket → handlers/{event,req,count,close,auth}
//!     EVENT → verifier → intake → enqueue → queue       hear ← pub/sub: answers, pages, new events
//!     REQ   → subscriptions (registered), then queue        hear → subscriptions → line → outbox → socket
//! ```

mod admission;
mod arrival;
mod audience;
mod connection;
mod connections;
mod copies;
mod enqueue;
mod fast_auth;
mod gap;
mod handlers;
mod hear;
mod intake;
#[cfg(all(test, feature = "shuttle"))]
#[allow(clippy::unwrap_used, reason = "what fails here fails the test")]
mod interleavings;
mod levels;
mod line;
mod listener;
mod management;
mod metrics;
mod names;
mod origins;
mod outbox;
mod owed;
mod pass_on;
mod presence;
mod proofs;
mod questions;
mod rate_limit;
mod recent;
mod reconciliations;
mod relay;
mod relay_info;
mod router;
mod rulings;
mod serve;
mod settings;
mod share;
mod signs_of_life;
mod socket;
mod subscriptions;
mod turns;
mod unfinished;
mod upkeep;
mod verifier;

pub use serve::{ServeError, serve};
