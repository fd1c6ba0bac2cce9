//! What every process needs around its work: configuration, telemetry, health, an orderly end, a clock, Redis.
//!
//! Knows nothing of Nostr.

pub mod clock;
pub mod config;
pub mod figures;
pub mod health;
pub mod peer;
pub mod redis;
pub mod shutdown;
pub mod telemetry;
