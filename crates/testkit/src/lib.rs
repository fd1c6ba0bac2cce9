//! For tests: a database and a Redis namespace of one's own, signed events, a client, and the real processes.
//!
//! Panics where a library would return an error: whatever fails here fails the test.

mod client;
mod database;
mod events;
mod http;
mod interleavings;
mod load;
mod private;
mod process;
mod proxy;
mod redis;
mod services;
mod stack;

pub use client::{Client, OkReply};
pub use database::TestDatabase;
pub use events::{EventBuilder, Keys, event, note};
pub use http::{HttpAnswer, request};
pub use interleavings::in_any_order;
pub use load::{Load, PREFIXES, Written};
pub use private::{PrivatePostgres, PrivateRedis};
pub use process::{Process, binaries, command, free_address};
pub use proxy::{Proxy, Wire};
pub use redis::TestRedis;
pub use services::{namespace, redis_url};
pub use stack::{Stack, StackBuilder};
