//! The workers between a real Redis and a real Postgres: the tests enqueue what relay-ws would, and listen as it does.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod announcing;
mod answering;
mod failing;
mod fixture;
mod maintaining;
mod storing;
