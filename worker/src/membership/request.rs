//! Requests to join (kind 28934) and to leave (28936). They are answered and go nowhere else: one holds the code.

use protocol::{AuthLevel, Event, Kind, Prefix, PublicKey, Reason};
use queue::jobs::Client;
use store::{Joined, StoreError};
use tracing::warn;

use super::publish_list;
use crate::context::Context;

/// What a request comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// Of the OK.
    pub accepted: bool,
    /// Of the OK.
    pub message: String,
    /// The level of the connection from now on, if it has changed.
    pub level: Option<AuthLevel>,
}

impl Decided {
    fn refused(prefix: Prefix, text: &'static str) -> Self {
        Self {
            accepted: false,
            message: Reason::new(prefix, text).to_string(),
            level: None,
        }
    }

    fn accepted(message: String) -> Self {
        Self {
            accepted: true,
            message,
            level: None,
        }
    }
}

/// Whether an event is for the relay itself, and for nobody else to see.
pub fn is_request(kind: Kind) -> bool {
    matches!(kind, Kind::JOIN | Kind::INVITATION | Kind::LEAVE)
}

/// Decides on a request. Twice is once: who joined is a member already, who left is none.
pub async fn answer(event: &Event, client: &Client, cx: &Context) -> Result<Decided, StoreError> {
    if cx.membership.is_none() {
        return Ok(Decided::refused(Prefix::Restricted, "this relay has no members"));
    }
    if event.kind == Kind::INVITATION {
        let text = "invitations are made by the relay";
        return Ok(Decided::refused(Prefix::Blocked, text));
    }
    if event.created_at.abs_diff(cx.clock.now()) > cx.config.membership.max_age_s {
        return Ok(Decided::refused(
            Prefix::Invalid,
            "created_at is too far from now",
        ));
    }
    if event.kind == Kind::JOIN {
        join(event, client, cx).await
    } else {
        leave(event, client, cx).await
    }
}

async fn join(event: &Event, client: &Client, cx: &Context) -> Result<Decided, StoreError> {
    let code = event.tags.first_value("claim").unwrap_or_default();
    Ok(match cx.store.join(event.pubkey, code).await? {
        Joined::Welcome => {
            tell(cx).await;
            Decided {
                level: level(event.pubkey, client, cx).await?,
                ..Decided::accepted(format!("info: welcome to {}!", cx.config.relay.name))
            }
        }
        Joined::Already => Decided::accepted("duplicate: you are already a member of this relay.".to_owned()),
        Joined::UnknownCode => Decided::refused(Prefix::Restricted, "that is an invalid invite code."),
        Joined::UsedCode => Decided::refused(Prefix::Restricted, "that invite code is expired."),
    })
}

async fn leave(event: &Event, client: &Client, cx: &Context) -> Result<Decided, StoreError> {
    if !event.is_protected() {
        let text = "a request to leave has the tag [\"-\"]";
        return Ok(Decided::refused(Prefix::Invalid, text));
    }
    if !cx.store.leave(event.pubkey).await? {
        return Ok(Decided::accepted(
            "duplicate: you are not a member of this relay.".to_owned(),
        ));
    }
    tell(cx).await;
    Ok(Decided {
        level: level(event.pubkey, client, cx).await?,
        ..Decided::accepted("info: you are not a member any more.".to_owned())
    })
}

/// What was decided holds, whoever hears of it; a recurring job tells what was not told.
async fn tell(cx: &Context) {
    if let Err(error) = publish_list(cx).await {
        warn!(%error, "the list of members could not be published yet");
    }
}

/// The highest level of the connection's keys, if the one that came or went is among them.
async fn level(pubkey: PublicKey, client: &Client, cx: &Context) -> Result<Option<AuthLevel>, StoreError> {
    if !client.pubkeys.contains(&pubkey) {
        return Ok(None);
    }
    let mut highest = AuthLevel::Key;
    for key in &client.pubkeys {
        highest = highest.max(cx.store.auth_level(*key).await?);
    }
    Ok(Some(highest))
}
