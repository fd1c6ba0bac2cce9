//! The queue against a real Redis, with consumers that stop, fail and die.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod delivery;
mod dying;
mod failing;
mod fixture;
mod inspecting;
mod lease;
mod process;
mod recurring;
mod reporting;
mod stopping;
