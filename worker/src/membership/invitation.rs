//! Invitations (kind 28935): made on the fly for whoever asks for that kind and may invite.

use protocol::{Draft, Filter, Kind, VerifiedEvent};
use queue::jobs::Client;
use rand::Rng;
use store::{Invite, StoreError};

use super::tag;
use crate::context::Context;

/// Whether a filter names the kind.
pub fn asks_for_invitation(filter: &Filter) -> bool {
    let kinds = filter.kinds.as_deref().unwrap_or_default();
    kinds.contains(&Kind::INVITATION.0)
}

/// A new invitation, if one of the filters wants it and the client may invite.
pub async fn invitation(
    filters: &[Filter],
    client: &Client,
    cx: &Context,
) -> Result<Option<VerifiedEvent>, StoreError> {
    let Some(membership) = &cx.membership else {
        return Ok(None);
    };
    let settings = &cx.config.membership;
    if u8::from(client.level) < settings.invite_level || !filters.iter().any(asks_for_invitation) {
        return Ok(None);
    }
    let code = new_code();
    let event = membership.key.sign(Draft {
        created_at: cx.clock.now(),
        kind: Kind::INVITATION.0,
        tags: vec![tag(["-"]), tag(["claim", &code])],
        content: String::new(),
    });
    let is_wanted = |filter: &Filter| asks_for_invitation(filter) && filter.matches(&event);
    if !filters.iter().any(is_wanted) {
        return Ok(None);
    }
    let invite = Invite {
        code: &code,
        by: client.pubkeys.first().copied(),
        uses: 1,
        days: settings.invite_days,
    };
    cx.store.invite(invite, settings.max_open_invites).await?;
    Ok(Some(event))
}

/// A code that nobody can guess: 128 bits.
pub fn new_code() -> String {
    format!("{:032x}", rand::rng().random::<u128>())
}
