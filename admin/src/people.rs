//! Who the authors are: names from their profiles (kind 0), and a picture made of their keys.
//!
//! Pictures of profiles are not loaded: whoever writes to the relay could learn from where and when an operator looks at
//! it, and would have a hand in what this page shows.

use std::{collections::HashMap, fmt::Write};

use protocol::{Event, Filter, Kind, PublicKey, Reader};
use runtime::clock::unix_millis;
use serde::Deserialize;

use crate::{App, web::PageError};

/// Characters of a name that are shown.
const NAME: usize = 40;

/// An author.
#[derive(Debug, Clone)]
pub struct Person {
    /// Their key.
    pub pubkey: PublicKey,
    /// `npub1…`
    pub npub: String,
    /// What they call themselves; empty when nobody knows. Names are not unique: the key is shown beside them.
    pub name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Profile {
    name: Option<String>,
    display_name: Option<String>,
}

impl Person {
    /// One of whom only the key is known.
    pub fn unknown(pubkey: PublicKey) -> Self {
        Self {
            pubkey,
            npub: pubkey.npub(),
            name: String::new(),
        }
    }

    /// `npub1abcd…wxyz`
    pub fn short(&self) -> String {
        let end = self.npub.len().saturating_sub(4);
        format!("{}…{}", &self.npub[..self.npub.len().min(9)], &self.npub[end..])
    }

    /// A picture that is the same wherever this key is shown: five by five squares, mirrored, as an SVG path.
    pub fn squares(&self) -> String {
        let mut path = String::new();
        for (cell, byte) in self.pubkey.as_bytes().iter().take(15).enumerate() {
            let (x, y) = (cell / 5, cell % 5);
            if byte & 1 == 1 {
                for x in [x, 4 - x] {
                    // Writing to a String cannot fail.
                    let _ = write!(path, "M{x} {y}h1v1h-1z");
                }
            }
        }
        path
    }

    /// Its hue, in degrees.
    pub fn hue(&self) -> u32 {
        let bytes = self.pubkey.as_bytes();
        (u32::from(bytes[30]) << 8 | u32::from(bytes[31])) % 360
    }
}

/// Everybody in a list, by key.
pub async fn people(app: &App, pubkeys: &[PublicKey]) -> Result<HashMap<PublicKey, Person>, PageError> {
    let mut people: HashMap<PublicKey, Person> = pubkeys
        .iter()
        .map(|pubkey| (*pubkey, Person::unknown(*pubkey)))
        .collect();
    let mut authors: Vec<PublicKey> = people.keys().copied().collect();
    authors.sort_unstable();
    if authors.is_empty() {
        return Ok(people);
    }
    let profiles = Filter {
        limit: Some(authors.len() as u32),
        authors: Some(authors),
        kinds: Some(vec![Kind::METADATA.0]),
        ..Filter::default()
    };
    let found = app
        .store
        .query(&[profiles], &Reader::OPERATOR, unix_millis() / 1000)
        .await?;
    for stored in found.events {
        let Ok(event) = serde_json::from_slice::<Event>(&stored.json) else {
            continue;
        };
        if let Some(person) = people.get_mut(&event.pubkey) {
            person.name = name(&event.content);
        }
    }
    Ok(people)
}

/// The name in a profile. What is no name in it is somebody's mistake, not ours.
fn name(content: &str) -> String {
    let profile: Profile = serde_json::from_str(content).unwrap_or_default();
    let names = [profile.display_name, profile.name].into_iter().flatten();
    let name = names
        .map(|name| name.trim().to_owned())
        .find(|name| !name.is_empty());
    // Control characters and those that turn the direction of writing could make one name look like another.
    let is_plain =
        |c: &char| !c.is_control() && !matches!(*c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    name.unwrap_or_default()
        .chars()
        .filter(is_plain)
        .take(NAME)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_profiles_say() {
        for (content, expected) in [
            (r#"{"name":"alice"}"#, "alice"),
            (r#"{"name":"alice","display_name":"Alice A."}"#, "Alice A."),
            (r#"{"name":"alice","display_name":" "}"#, "alice"),
            (r#"{"name":5}"#, ""),
            ("no json", ""),
            (r#"{"name":"a\u202eb\nc"}"#, "abc"),
        ] {
            assert_eq!(name(content), expected, "{content}");
        }
        assert_eq!(name(&format!(r#"{{"name":"{}"}}"#, "x".repeat(99))).len(), NAME);
    }

    #[test]
    fn the_picture_is_that_of_the_key() {
        let person = Person::unknown(PublicKey::from_bytes([1; 32]));
        assert_eq!(
            person.squares().matches('M').count(),
            30,
            "the middle is drawn twice"
        );
        assert_eq!(person.hue(), 257);
        assert!(person.short().starts_with("npub1") && person.short().contains('…'));
    }
}
