//! The methods of the management API ([NIP-86](https://nips.nostr.com/86)).

mod access;
mod info;
mod kinds;
mod params;
mod roles;

use serde_json::{Value, json};
use store::StoreError;
use tracing::warn;

use crate::{context::Context, membership::publish_list};
use params::Params;

/// Why a call has no result.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// No such method.
    #[error("unknown method {0}")]
    Method(String),
    /// A parameter is missing or wrong.
    #[error("parameter {0} is {1}")]
    Parameter(usize, &'static str),
    /// Not as things are.
    #[error("{0}")]
    Not(String),
    /// A fault of the database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Every method, in the order of the text.
const METHODS: [&str; 25] = [
    "supportedmethods",
    "banpubkey",
    "unbanpubkey",
    "listbannedpubkeys",
    "allowpubkey",
    "unallowpubkey",
    "listallowedpubkeys",
    "createrole",
    "editrole",
    "deleterole",
    "assignrole",
    "unassignrole",
    "listeventsneedingmoderation",
    "allowevent",
    "banevent",
    "listbannedevents",
    "changerelayname",
    "changerelaydescription",
    "changerelayicon",
    "allowkind",
    "disallowkind",
    "listallowedkinds",
    "blockip",
    "unblockip",
    "listblockedips",
];

/// What a method works with.
struct Call<'a> {
    cx: &'a Context,
    operator: &'a str,
    params: Params<'a>,
}

/// Calls a method in the name of an operator.
pub async fn call(cx: &Context, operator: &str, method: &str, params: &[Value]) -> Result<Value, Refused> {
    let call = Call {
        cx,
        operator,
        params: Params(params),
    };
    let result = call.run(method).await?;
    if !is_question(method) {
        cx.rulings.changed().await;
    }
    // What is not told now a recurring job tells.
    if method.ends_with("role")
        && let Err(error) = publish_list(cx).await
    {
        warn!(%error, "the roles of members could not be published yet");
    }
    Ok(result)
}

fn is_question(method: &str) -> bool {
    method == "supportedmethods" || method.starts_with("list")
}

impl Call<'_> {
    async fn run(&self, method: &str) -> Result<Value, Refused> {
        match method {
            "supportedmethods" => Ok(json!(METHODS)),
            "banpubkey" => self.ban_pubkey().await,
            "unbanpubkey" => self.unban_pubkey().await,
            "listbannedpubkeys" => self.list_banned_pubkeys().await,
            "allowpubkey" => self.allow_pubkey().await,
            "unallowpubkey" => self.unallow_pubkey().await,
            "listallowedpubkeys" => self.list_allowed_pubkeys().await,
            "createrole" => self.put_role(true).await,
            "editrole" => self.put_role(false).await,
            "deleterole" => self.delete_role().await,
            "assignrole" => self.set_member(true).await,
            "unassignrole" => self.set_member(false).await,
            "listeventsneedingmoderation" => self.list_events_needing_moderation().await,
            "allowevent" => self.allow_event().await,
            "banevent" => self.ban_event().await,
            "listbannedevents" => self.list_banned_events().await,
            "changerelayname" => self.change_name().await,
            "changerelaydescription" => self.change_description().await,
            "changerelayicon" => self.change_icon().await,
            "allowkind" => self.allow_kind().await,
            "disallowkind" => self.disallow_kind().await,
            "listallowedkinds" => self.list_allowed_kinds().await,
            "blockip" => self.block_ip().await,
            "unblockip" => self.unblock_ip().await,
            "listblockedips" => self.list_blocked_ips().await,
            unknown => Err(Refused::Method(unknown.chars().take(50).collect())),
        }
    }
}
