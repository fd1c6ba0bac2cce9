//! What Redis carries besides the queues: messages to connections, and the keys that describe them.
//!
//! Workers publish answers, relay-ws processes listen: [`Publisher`], [`Subscriber`], [`Channel`]. The names of channels
//! and keys are a contract with plugins and operators; `docs/plugins.md` is written for them.

mod ballot;
mod channel;
mod connected;
mod connection_id;
mod desk;
mod error;
mod found_page;
mod keys;
mod latest_events;
mod listeners;
mod live_settings;
mod publisher;
mod reply;
mod rulings;
mod server_time;
mod subscriber;
mod upkeep;

pub use ballot::Ballot;
pub use channel::{Address, Channel, Command};
pub use connected::{Connected, ConnectedClients};
pub use connection_id::{ConnectionId, InvalidConnectionId, ProcessId};
pub use desk::Desk;
pub use error::PubsubError;
pub use found_page::{FoundPage, LivePage, PageHeader, PageWriter};
pub use keys::Keys;
pub use latest_events::LatestEvents;
pub use listeners::{CONNECTION_NAME, Copies, Listeners};
pub use live_settings::LiveSettings;
pub use publisher::Publisher;
pub use reply::{Reply, ReplyPage};
pub use rulings::RulingsKeys;
pub use server_time::server_time_ms;
pub use subscriber::{Incoming, Subscriber};
pub use upkeep::Upkeep;
