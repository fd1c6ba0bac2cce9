//! The pages as a signed-in operator gets them, with a real Postgres and Redis.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod events;
mod fixture;
mod overview;
mod queues;
