//! Events that a key signs for another ([NIP-26](https://nips.nostr.com/26)).

use secp256k1::{SECP256K1, schnorr};
use sha2::{Digest, Sha256};

use crate::{Event, PublicKey, Signature, Tag, points};

/// `["delegation",<delegator>,<conditions>,<token>]`: the first such tag of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delegation<'a> {
    /// For whom the event was signed.
    pub delegator: PublicKey,
    /// `kind=1&created_at>1674777689&created_at<1675721813`
    conditions: &'a str,
    token: Signature,
}

/// Why an event was not signed for whom it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDelegation {
    /// Not a key, a text and a signature.
    #[error("a delegation tag has a public key, conditions and a token")]
    Tag,
    /// A condition that NIP-26 does not have.
    #[error("a delegation has a condition that is not known")]
    Condition,
    /// The delegator allowed other kinds or another time.
    #[error("the event does not meet the conditions of its delegation")]
    NotMet,
    /// The delegator did not sign these conditions for this key.
    #[error("the token of the delegation is not the delegator's")]
    Token,
}

impl Event {
    /// For whom the event says that it was signed. Nothing is checked.
    pub fn delegator(&self) -> Option<PublicKey> {
        self.delegation_tag()?.value()?.parse().ok()
    }

    /// Its delegation, if it has a tag of that name.
    pub fn delegation(&self) -> Option<Result<Delegation<'_>, InvalidDelegation>> {
        let tag = self.delegation_tag()?;
        let parse = || {
            Some(Delegation {
                delegator: tag.value()?.parse().ok()?,
                conditions: tag.get(2)?,
                token: tag.get(3)?.parse().ok()?,
            })
        };
        Some(parse().ok_or(InvalidDelegation::Tag))
    }

    fn delegation_tag(&self) -> Option<Tag<'_>> {
        self.tags.iter().find(|tag| tag.name() == Some("delegation"))
    }
}

impl Delegation<'_> {
    /// Whether it covers this event: its conditions first, then its signature (about 40 µs).
    pub fn verify(&self, event: &Event) -> Result<(), InvalidDelegation> {
        if !self.is_met(event)? {
            return Err(InvalidDelegation::NotMet);
        }
        let text = format!("nostr:delegation:{}:{}", event.pubkey, self.conditions);
        let key = points::point(&self.delegator).map_err(|_| InvalidDelegation::Token)?;
        let token = schnorr::Signature::from_byte_array(*self.token.as_bytes());
        SECP256K1
            .verify_schnorr(&token, &Sha256::digest(text), &key)
            .map_err(|_| InvalidDelegation::Token)
    }

    /// Of several kinds one is enough, as in NIP-26's example; of several times all have to hold.
    fn is_met(&self, event: &Event) -> Result<bool, InvalidDelegation> {
        let (mut kind_is_met, mut time_is_met) = (None, true);
        for condition in self
            .conditions
            .split('&')
            .filter(|condition| !condition.is_empty())
        {
            if let Some(kind) = condition.strip_prefix("kind=") {
                let is_met = number(kind)? == u64::from(event.kind.0);
                kind_is_met = Some(kind_is_met.unwrap_or(false) || is_met);
            } else if let Some(before) = condition.strip_prefix("created_at<") {
                time_is_met &= event.created_at < number(before)?;
            } else if let Some(after) = condition.strip_prefix("created_at>") {
                time_is_met &= event.created_at > number(after)?;
            } else {
                return Err(InvalidDelegation::Condition);
            }
        }
        Ok(time_is_met && kind_is_met.unwrap_or(true))
    }
}

fn number(text: &str) -> Result<u64, InvalidDelegation> {
    text.parse().map_err(|_| InvalidDelegation::Condition)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kind, Tags};

    const DELEGATOR: &str = "8e0d3d3eb2881ec137a11debe736a9086715a8c8beeeda615780064d68bc25dd";
    const CONDITIONS: &str = "kind=1&created_at>1674834236&created_at<1677426236";
    /// What NIP-26 gives for these conditions.
    const TOKEN: &str = "6f44d7fe4f1c09f3954640fb58bd12bae8bb8ff4120853c4693106c82e920e2b898f1f9ba9bd65449a987c39c0423426ab7b53910c0c6abfb41b30bc16e5f524";

    fn event(kind: u16, created_at: u64, tag: &[&str]) -> Event {
        Event {
            id: crate::EventId::from_bytes([0; 32]),
            pubkey: "477318cfb5427b9cfc66a9fa376150c1ddbc62115ae27cef72417eb959691396"
                .parse()
                .unwrap(),
            created_at,
            kind: Kind(kind),
            tags: Tags::from_iter([vec!["t", "x"], tag.to_vec()]),
            content: String::new(),
            sig: Signature::from_bytes([0; 64]),
        }
    }

    fn verdict(kind: u16, created_at: u64, tag: &[&str]) -> Result<(), InvalidDelegation> {
        let event = event(kind, created_at, tag);
        event
            .delegation()
            .unwrap()
            .and_then(|delegation| delegation.verify(&event))
    }

    #[test]
    fn the_example_of_the_nip() {
        let tag = ["delegation", DELEGATOR, CONDITIONS, TOKEN];
        assert_eq!(event(1, 1_675_000_000, &tag).delegator(), DELEGATOR.parse().ok());
        for (kind, created_at, expected) in [
            (1, 1_675_000_000, Ok(())),
            (1, 1_674_834_237, Ok(())),
            (1, 1_677_426_235, Ok(())),
            (1, 1_674_834_236, Err(InvalidDelegation::NotMet)),
            (1, 1_677_426_236, Err(InvalidDelegation::NotMet)),
            (7, 1_675_000_000, Err(InvalidDelegation::NotMet)),
        ] {
            assert_eq!(verdict(kind, created_at, &tag), expected, "{kind} {created_at}");
        }
    }

    #[test]
    fn nothing_can_be_changed() {
        let at = 1_675_000_000;
        for conditions in ["kind=1", "", "kind=1&created_at>1674834236&created_at<1677426237"] {
            let tag = ["delegation", DELEGATOR, conditions, TOKEN];
            assert_eq!(
                verdict(1, at, &tag),
                Err(InvalidDelegation::Token),
                "{conditions}"
            );
        }
        let other = "477318cfb5427b9cfc66a9fa376150c1ddbc62115ae27cef72417eb959691396";
        let tag = ["delegation", other, CONDITIONS, TOKEN];
        assert_eq!(verdict(1, at, &tag), Err(InvalidDelegation::Token));
        for conditions in [
            "kind=x",
            "kind>1",
            "created_at=5",
            "kind=1&nonsense",
            "created_at<-1",
        ] {
            let tag = ["delegation", DELEGATOR, conditions, TOKEN];
            assert_eq!(
                verdict(1, at, &tag),
                Err(InvalidDelegation::Condition),
                "{conditions}"
            );
        }
        for tag in [
            &["delegation"][..],
            &["delegation", DELEGATOR],
            &["delegation", DELEGATOR, CONDITIONS],
            &["delegation", "x", CONDITIONS, TOKEN],
            &["delegation", DELEGATOR, CONDITIONS, "00"],
        ] {
            assert_eq!(verdict(1, at, tag), Err(InvalidDelegation::Tag), "{tag:?}");
        }
        assert!(event(1, at, &["e"]).delegation().is_none());
    }

    #[test]
    fn of_several_kinds_one_is_enough() {
        let is_met = |conditions, kind, at| {
            Delegation {
                delegator: DELEGATOR.parse().unwrap(),
                conditions,
                token: TOKEN.parse().unwrap(),
            }
            .is_met(&event(kind, at, &["t"]))
            .unwrap()
        };
        assert!(is_met("kind=0&kind=1&created_at>5", 1, 6) && is_met("kind=0&kind=1", 0, 6));
        assert!(!is_met("kind=0&kind=1", 2, 6) && !is_met("kind=0&kind=1&created_at>5", 1, 5));
        assert!(is_met("", 9, 9));
    }
}
