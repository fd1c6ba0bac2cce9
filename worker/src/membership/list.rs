//! The list of members (kind 13534), and who came (8000) and went (8001) since the last one.

use std::{collections::BTreeMap, time::Duration};

use protocol::{Draft, Filter, Kind, PublicKey, Reader, SigningKey, VerifiedEvent};
use store::{ListTurn, Member, StoreError};

use super::{roles, tag};
use crate::{batcher::SaveFailed, context::Context};

/// How long somebody else may take with the list, and how often it is looked whether it is done.
const PATIENCE: u32 = 40;
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Roles that are looked at.
const MOST_ROLES: u32 = 10_000;

/// Why the list is not out.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// Postgres is away.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody else writes it, and does not come to an end.
    #[error("somebody else writes the list of members")]
    Taken,
    /// It could not be saved, or not be published.
    #[error("the list of members could not be saved")]
    Unsaved,
}

/// Publishes what has changed since the last list. Twice is once: then nothing has changed.
pub async fn publish_list(cx: &Context) -> Result<(), ListError> {
    let Some(membership) = &cx.membership else {
        return Ok(());
    };
    let _first = membership.list.lock().await;
    // What others committed before we have the turn is in what we read then.
    let _turn = turn(cx).await?;
    let now = cx.clock.now();
    let lists = published(cx, &membership.key, Kind::MEMBERS, 1).await?;
    let labels = published(cx, &membership.key, Kind::ROLE, MOST_ROLES).await?;
    let roles = cx.store.roles().await?.into_iter().map(|(role, _)| role);
    let members = cx
        .store
        .members(cx.config.limits.max_event_tags.saturating_sub(1))
        .await?;
    let mut events = roles::changes(&membership.key, &labels, &roles.collect::<Vec<_>>(), now);
    events.extend(changes(&membership.key, lists.first(), &members, now));
    if events.is_empty() {
        return Ok(());
    }
    let committed = cx.batcher.save(events, false).await;
    let is_saved = |outcome: &Result<_, SaveFailed>| outcome.is_ok();
    if committed.announced && committed.outcomes.iter().all(is_saved) {
        Ok(())
    } else {
        Err(ListError::Unsaved)
    }
}

/// The relay's own events of a kind.
async fn published(
    cx: &Context,
    key: &SigningKey,
    kind: Kind,
    at_most: u32,
) -> Result<Vec<VerifiedEvent>, StoreError> {
    let own = Filter {
        kinds: Some(vec![kind.0]),
        authors: Some(vec![key.public_key()]),
        limit: Some(at_most),
        ..Filter::default()
    };
    let found = cx.store.query(&[own], &Reader::OPERATOR, cx.clock.now()).await?;
    let found = found.events.into_iter();
    let texts = found.filter_map(|event| String::from_utf8(event.json.to_vec()).ok());
    Ok(texts
        .filter_map(|json| VerifiedEvent::from_canonical(json).ok())
        .collect())
}

async fn turn(cx: &Context) -> Result<ListTurn, ListError> {
    for _ in 0..PATIENCE {
        if let Some(turn) = cx.store.list_turn().await? {
            return Ok(turn);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Err(ListError::Taken)
}

/// What is to be said; nothing when the last list is right.
fn changes(
    key: &SigningKey,
    last: Option<&VerifiedEvent>,
    members: &[Member],
    now: u64,
) -> Vec<VerifiedEvent> {
    let listed = last.map(listed).unwrap_or_default();
    let current: BTreeMap<PublicKey, Vec<String>> = members
        .iter()
        .map(|member| (member.pubkey, member.roles.clone()))
        .collect();
    if last.is_some() && listed == current {
        return Vec::new();
    }
    // Later than the last one, whatever the clock says: of two of the same second the lowest id would stay.
    let created_at = last.map_or(now, |last| now.max(last.created_at + 1));
    let one = |kind: Kind, who: &PublicKey| {
        key.sign(Draft {
            created_at,
            kind: kind.0,
            tags: vec![tag(["-"]), tag(["p", &who.to_string()])],
            content: String::new(),
        })
    };
    let mut tags = vec![tag(["-"])];
    tags.extend(members.iter().map(|member| {
        let mut tag = tag(["member", &member.pubkey.to_string()]);
        tag.extend(member.roles.iter().cloned());
        tag
    }));
    let list = key.sign(Draft {
        created_at,
        kind: Kind::MEMBERS.0,
        tags,
        content: String::new(),
    });
    let added = current
        .keys()
        .filter(|who| !listed.contains_key(who))
        .map(|who| one(Kind::MEMBER_ADDED, who));
    let removed = listed
        .keys()
        .filter(|who| !current.contains_key(who))
        .map(|who| one(Kind::MEMBER_REMOVED, who));
    added.chain(removed).chain([list]).collect()
}

/// Members with their roles.
fn listed(list: &VerifiedEvent) -> BTreeMap<PublicKey, Vec<String>> {
    let members = list.tags.iter().filter(|tag| tag.name() == Some("member"));
    members
        .filter_map(|tag| {
            let roles = tag.iter().skip(2).map(str::to_owned);
            Some((tag.value()?.parse().ok()?, roles.collect()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(number: u8) -> Member {
        Member {
            pubkey: PublicKey::from_bytes([number; 32]),
            roles: Vec::new(),
        }
    }

    fn said(events: &[VerifiedEvent]) -> Vec<(u16, u64, usize)> {
        events
            .iter()
            .map(|event| (event.kind.0, event.created_at, event.tags.len() - 1))
            .collect()
    }

    #[test]
    fn what_changed_is_said_once() {
        let key: SigningKey = "07".repeat(32).parse().unwrap();
        let first = changes(&key, None, &[], 10);
        assert_eq!(said(&first), [(13_534, 10, 0)], "an empty list is a list");
        let both = changes(&key, first.last(), &[member(2), member(1)], 10);
        assert_eq!(said(&both), [(8000, 11, 1), (8000, 11, 1), (13_534, 11, 2)]);
        assert!(
            both.iter()
                .all(|event| event.is_protected() && event.pubkey == key.public_key())
        );
        assert!(changes(&key, both.last(), &[member(1), member(2)], 99).is_empty());
        let one = changes(&key, both.last(), &[member(2)], 99);
        assert_eq!(said(&one), [(8001, 99, 1), (13_534, 99, 1)]);
        assert_eq!(
            one[0].tags.first_value("p"),
            Some(member(1).pubkey.to_string().as_str())
        );
    }

    #[test]
    fn a_role_is_said_of_its_members_and_nobody_comes_or_goes() {
        let key: SigningKey = "07".repeat(32).parse().unwrap();
        let first = changes(&key, None, &[member(1)], 10);
        let king = Member {
            roles: vec!["king".to_owned(), "cook".to_owned()],
            ..member(1)
        };
        let second = changes(&key, first.last(), std::slice::from_ref(&king), 10);
        assert_eq!(said(&second), [(13_534, 11, 1)]);
        let tags = serde_json::to_string(&second[0].tags).unwrap();
        assert_eq!(
            tags,
            format!(r#"[["-"],["member","{}","king","cook"]]"#, king.pubkey)
        );
        assert!(changes(&key, second.last(), &[king], 99).is_empty());
    }
}
