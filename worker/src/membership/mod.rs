//! Members, invitations, requests to join and to leave ([NIP-43](https://nips.nostr.com/43)). What the relay says of it is
//! signed by its own key.

mod invitation;
mod list;
mod request;
mod roles;

use protocol::SigningKey;
use tokio::sync::Mutex;

pub use invitation::{invitation, new_code};
pub use list::publish_list;
pub use request::{answer, is_request};

/// What it takes.
#[derive(Debug)]
pub struct Membership {
    /// The relay's own key.
    pub key: SigningKey,
    /// One of this process writes the list at a time.
    list: Mutex<()>,
}

impl Membership {
    /// With this key.
    pub fn new(key: SigningKey) -> Self {
        Self {
            key,
            list: Mutex::default(),
        }
    }
}

/// A tag.
fn tag<const N: usize>(values: [&str; N]) -> Vec<String> {
    values.map(str::to_owned).into()
}
