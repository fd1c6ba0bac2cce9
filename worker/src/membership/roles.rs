//! Roles of members (kind 33534): labels for clients, which operators write (NIP-86).

use protocol::{Draft, Kind, SigningKey, VerifiedEvent};
use store::Role;

use super::tag;

/// What is to be said, given what was published of roles before: those that are new or changed, and a deletion of those that
/// are gone.
pub fn changes(
    key: &SigningKey,
    published: &[VerifiedEvent],
    roles: &[Role],
    now: u64,
) -> Vec<VerifiedEvent> {
    let of = |id: &str| {
        published
            .iter()
            .find(|event| event.tags.first_value("d") == Some(id))
    };
    let mut events = Vec::new();
    for role in roles {
        let (before, tags) = (of(&role.id), tags(role));
        if before.is_some_and(|event| event.tags == tags.iter().cloned().collect()) {
            continue;
        }
        events.push(key.sign(Draft {
            // Later than the last one, whatever the clock says.
            created_at: before.map_or(now, |event| now.max(event.created_at + 1)),
            kind: Kind::ROLE.0,
            tags,
            content: String::new(),
        }));
    }
    let is_gone = |event: &&VerifiedEvent| {
        let id = event.tags.first_value("d").unwrap_or_default();
        roles.iter().all(|role| role.id != id)
    };
    for event in published.iter().filter(is_gone) {
        let id = event.tags.first_value("d").unwrap_or_default();
        let address = format!("{}:{}:{id}", Kind::ROLE, event.pubkey);
        events.push(key.sign(Draft {
            created_at: now.max(event.created_at),
            kind: Kind::DELETION.0,
            tags: vec![tag(["-"]), tag(["a", &address])],
            content: String::new(),
        }));
    }
    events
}

fn tags(role: &Role) -> Vec<Vec<String>> {
    let mut tags = vec![tag(["-"]), tag(["d", &role.id])];
    for (name, text) in [("label", &role.label), ("description", &role.description)] {
        if !text.is_empty() {
            tags.push(tag([name, text]));
        }
    }
    tags.push(tag(["color", &role.color.to_string()]));
    tags.push(tag(["order", &role.position.to_string()]));
    tags
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(id: &str, label: &str) -> Role {
        Role {
            id: id.to_owned(),
            label: label.to_owned(),
            description: String::new(),
            color: 37,
            position: 1,
        }
    }

    #[test]
    fn what_changed_is_said_once() {
        let key: SigningKey = "07".repeat(32).parse().unwrap();
        let first = changes(&key, &[], &[role("a", "king"), role("b", "")], 10);
        let json: Vec<String> = first
            .iter()
            .map(|event| serde_json::to_string(&event.tags).unwrap())
            .collect();
        assert_eq!(
            json,
            [
                r#"[["-"],["d","a"],["label","king"],["color","37"],["order","1"]]"#,
                r#"[["-"],["d","b"],["color","37"],["order","1"]]"#
            ]
        );
        assert!(changes(&key, &first, &[role("b", ""), role("a", "king")], 99).is_empty());
        let second = changes(&key, &first, &[role("a", "queen")], 10);
        let said: Vec<_> = second
            .iter()
            .map(|event| (event.kind.0, event.created_at))
            .collect();
        assert_eq!(said, [(33_534, 11), (5, 10)]);
        let address = format!("33534:{}:b", key.public_key());
        assert_eq!(second[1].tags.first_value("a"), Some(address.as_str()));
    }
}
