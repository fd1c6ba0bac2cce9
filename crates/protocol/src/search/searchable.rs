//! The words of an event, and whether they are what a query asks for.

use std::{collections::BTreeMap, ops::Bound};

use serde_json::{Map, Value};

use super::{Expression, Search, SearchRules, Term, words::words};
use crate::{Event, Kind};

/// Words of an event that are searchable. Postgres counts places up to 16383.
const MAX_WORDS: usize = 16_000;

/// Bytes of each field that are looked at.
const MAX_BYTES: usize = 128 * 1024;

/// Places of one word that are noted: as many as Postgres notes.
const MAX_PLACES: usize = 255;

/// Bytes of all different words: with their places they fit what Postgres takes, which is 1 MB.
const MAX_WORD_BYTES: usize = 384 * 1024;

/// The searchable words of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Searchable {
    words: BTreeMap<String, Vec<Place>>,
    has_warning: bool,
    /// The last position.
    last: u16,
    /// Of the words.
    bytes: usize,
}

/// Where a word stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// From 1 to 16383.
    pub position: u16,
    /// How much it counts there.
    pub weight: Weight,
}

/// How much a word counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// In a title or a name.
    Title,
    /// In a summary, a hashtag, a NIP-05 name.
    Summary,
    /// In the text.
    Text,
}

impl Searchable {
    /// Of an event whose kind is searchable. It may have no words.
    pub fn of(event: &Event, rules: &SearchRules) -> Option<Self> {
        if !rules.covers(event.kind) {
            return None;
        }
        let mut searchable = Self {
            has_warning: event.tags.iter().any(|tag| tag.name() == Some("content-warning")),
            ..Self::default()
        };
        if is_described_by_json(event.kind) {
            searchable.add_object(&event.content, rules);
            return Some(searchable);
        }
        for tag in event.tags.iter() {
            let weight = match tag.name() {
                Some("title" | "subject" | "name") => Weight::Title,
                Some("summary" | "description" | "alt" | "t") => Weight::Summary,
                _ => continue,
            };
            searchable.add(tag.value().unwrap_or_default(), weight, rules);
        }
        searchable.add(&event.content, Weight::Text, rules);
        Some(searchable)
    }

    /// Each word with its places, in their order.
    pub fn words(&self) -> impl Iterator<Item = (&str, &[Place])> {
        self.words
            .iter()
            .map(|(word, places)| (word.as_str(), places.as_slice()))
    }

    /// Whether its author warns of it (NIP-36).
    pub fn has_warning(&self) -> bool {
        self.has_warning
    }

    /// Whether it is what a query asks for.
    pub fn matches(&self, search: &Search, rules: &SearchRules) -> bool {
        let is_harmless = !(search.is_harmless() && self.has_warning);
        is_harmless && search.expression().is_none_or(|e| self.holds(e, rules))
    }

    fn holds(&self, expression: &Expression, rules: &SearchRules) -> bool {
        match expression {
            Expression::Term(term) => !self.positions(term, rules).is_empty(),
            Expression::Phrase(terms) => self.has_phrase(terms, rules),
            Expression::All(parts) => parts.iter().all(|part| self.holds(part, rules)),
            Expression::Any(parts) => parts.iter().any(|part| self.holds(part, rules)),
            Expression::Not(part) => !self.holds(part, rules),
        }
    }

    fn has_phrase(&self, terms: &[(u16, Term)], rules: &SearchRules) -> bool {
        let mut ends: Option<Vec<u16>> = None;
        for (distance, term) in terms {
            let mut positions = self.positions(term, rules);
            if let Some(ends) = &ends {
                positions.retain(|position| {
                    position
                        .checked_sub(*distance)
                        .is_some_and(|before| ends.binary_search(&before).is_ok())
                });
            }
            if positions.is_empty() {
                return false;
            }
            ends = Some(positions);
        }
        ends.is_some()
    }

    /// Where a term stands, sorted.
    fn positions(&self, term: &Term, rules: &SearchRules) -> Vec<u16> {
        let mut positions: Vec<u16> = if term.is_prefix {
            let from = (Bound::Included(term.word.as_str()), Bound::Unbounded);
            self.words
                .range::<str, _>(from)
                .take_while(|(word, _)| word.starts_with(&term.word))
                .flat_map(|(_, places)| places)
                .map(|place| place.position)
                .collect()
        } else {
            let stems = rules.stems(&term.word).into_iter();
            stems
                .filter_map(|stem| self.words.get(&stem))
                .flatten()
                .map(|place| place.position)
                .collect()
        };
        positions.sort_unstable();
        positions.dedup();
        positions
    }

    /// Profiles and channels: the values that people read, not the JSON around them.
    fn add_object(&mut self, json: &str, rules: &SearchRules) {
        const KEYS: [(&str, Weight); 7] = [
            ("name", Weight::Title),
            ("display_name", Weight::Title),
            ("displayName", Weight::Title),
            ("nip05", Weight::Summary),
            ("lud16", Weight::Summary),
            ("about", Weight::Text),
            ("website", Weight::Text),
        ];
        let Ok(object) = serde_json::from_str::<Map<String, Value>>(json) else {
            return;
        };
        for (key, weight) in KEYS {
            if let Some(Value::String(text)) = object.get(key) {
                self.add(text, weight, rules);
            }
        }
    }

    fn add(&mut self, text: &str, weight: Weight, rules: &SearchRules) {
        // A place is left free, so that no phrase reaches from one field into the next.
        let offset = if self.last == 0 { 1 } else { self.last + 2 };
        let room = MAX_WORDS.saturating_sub(usize::from(offset));
        if room == 0 {
            return;
        }
        let text = &text[..text.floor_char_boundary(MAX_BYTES)];
        for word in words(text, room) {
            let position = offset + u16::try_from(word.position).unwrap_or(u16::MAX - offset);
            self.last = position;
            let place = Place { position, weight };
            for stem in rules.stems(&word.text) {
                if stem != word.text {
                    self.note(stem, place);
                }
            }
            self.note(word.text, place);
        }
    }

    fn note(&mut self, word: String, place: Place) {
        if let Some(places) = self.words.get_mut(&word) {
            if places.len() < MAX_PLACES && places.last() != Some(&place) {
                places.push(place);
            }
        } else if self.bytes + word.len() <= MAX_WORD_BYTES {
            self.bytes += word.len();
            self.words.insert(word, vec![place]);
        }
    }
}

/// Kinds whose content is a JSON object that describes somebody or something.
const fn is_described_by_json(kind: Kind) -> bool {
    matches!(kind.0, 0 | 40 | 41)
}
