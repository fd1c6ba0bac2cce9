//! The Nostr protocol as types: [NIP-01](https://nips.nostr.com/1) and what hangs on it.
//!
//! In: the text of a client's message. Out: values that cannot be wrong ([`ClientMessage`], [`Filter`],
//! [`VerifiedEvent`]) and the texts that go back ([`RelayMessage`]). Pure: no clock, no I/O, no runtime.

mod address;
mod auth_level;
mod bad_message;
mod canonical;
mod client_message;
mod delegation;
mod event;
mod filter;
mod filter_json;
mod hex;
mod hll;
mod http_auth;
mod kind;
mod negentropy;
mod nip19;
mod points;
mod prefix;
mod reader;
mod relay_message;
mod relay_url;
mod rulings;
pub mod search;
mod signing_key;
mod subscription_id;
mod tags;
mod vanish;
mod verify;

pub use address::Address;
pub use auth_level::AuthLevel;
pub use bad_message::{Answer, BadMessage};
pub use client_message::ClientMessage;
pub use delegation::{Delegation, InvalidDelegation};
pub use event::{Event, EventId, MAX_CREATED_AT, PublicKey, Signature};
pub use filter::{Filter, TagFilter};
pub use filter_json::InvalidFilter;
pub use hex::InvalidHex;
pub use hll::{Hll, HllOffset};
pub use http_auth::{HTTP_AUTH_WINDOW, SignedRequest, Unauthorized};
pub use kind::{Kind, KindClass};
pub use negentropy::{InvalidNegentropyMessage, NegentropyMessage};
pub use nip19::{InvalidEventId, InvalidPointer, InvalidPublicKey, Pointer};
pub use prefix::{Prefix, Reason};
pub use reader::{PrivateKinds, Reader, View};
pub use relay_message::{Hint, RelayMessage, event_frame};
pub use relay_url::RelayUrl;
pub use rulings::Rulings;
pub use search::{Search, SearchRules};
pub use signing_key::{Draft, InvalidSecretKey, SigningKey};
pub use subscription_id::{InvalidSubscriptionId, SubscriptionId};
pub use tags::{Tag, Tags};
pub use verify::{InvalidEvent, VerifiedEvent};
