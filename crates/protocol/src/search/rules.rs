//! What of a relay's events is searchable, and how.

use std::str::FromStr;

use rust_stemmers::{Algorithm, Stemmer};

use crate::Kind;

/// Which kinds are searchable, and whose grammar is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchRules {
    kinds: Vec<u16>,
    languages: Vec<Language>,
}

/// A language whose words are also found in their other forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Language {
    name: &'static str,
    algorithm: Algorithm,
}

/// Why there cannot be such rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSearchRules {
    /// What is private is not searchable, whatever is set.
    #[error("kind {0} is private: it cannot be searchable")]
    PrivateKind(u16),
    /// No stemmer.
    #[error("nothing is known of the language {0:?}")]
    UnknownLanguage(String),
    /// Each makes a word or two of every word.
    #[error("more than {MAX_LANGUAGES} languages")]
    TooManyLanguages,
}

/// Languages at once.
const MAX_LANGUAGES: usize = 4;

/// Encrypted, or meant for one reader: direct messages, seals, rumors, gift wraps, groups of MLS.
const PRIVATE: [u16; 10] = [4, 13, 14, 15, 443, 444, 445, 1059, 1060, 21_059];

const LANGUAGES: [(&str, Algorithm); 17] = [
    ("arabic", Algorithm::Arabic),
    ("danish", Algorithm::Danish),
    ("dutch", Algorithm::Dutch),
    ("english", Algorithm::English),
    ("finnish", Algorithm::Finnish),
    ("french", Algorithm::French),
    ("german", Algorithm::German),
    ("greek", Algorithm::Greek),
    ("hungarian", Algorithm::Hungarian),
    ("italian", Algorithm::Italian),
    ("norwegian", Algorithm::Norwegian),
    ("portuguese", Algorithm::Portuguese),
    ("romanian", Algorithm::Romanian),
    ("russian", Algorithm::Russian),
    ("spanish", Algorithm::Spanish),
    ("swedish", Algorithm::Swedish),
    ("turkish", Algorithm::Turkish),
];

impl SearchRules {
    /// Of kinds, and of languages by their English names.
    pub fn new(kinds: &[u16], languages: &[String]) -> Result<Self, InvalidSearchRules> {
        if let Some(private) = kinds.iter().find(|kind| PRIVATE.contains(kind)) {
            return Err(InvalidSearchRules::PrivateKind(*private));
        }
        if languages.len() > MAX_LANGUAGES {
            return Err(InvalidSearchRules::TooManyLanguages);
        }
        let mut kinds = kinds.to_vec();
        kinds.sort_unstable();
        kinds.dedup();
        let languages = languages
            .iter()
            .map(|name| name.parse())
            .collect::<Result<_, _>>()?;
        Ok(Self { kinds, languages })
    }

    /// Whether anything is searchable.
    pub fn is_on(&self) -> bool {
        !self.kinds.is_empty()
    }

    /// The searchable kinds, sorted.
    pub fn kinds(&self) -> &[u16] {
        &self.kinds
    }

    /// Whether events of a kind are searchable.
    pub fn covers(&self, kind: Kind) -> bool {
        self.kinds.binary_search(&kind.0).is_ok()
    }

    /// The stems of a folded word, each once; without languages the word itself.
    pub fn stems(&self, word: &str) -> Vec<String> {
        if self.languages.is_empty() {
            return vec![word.to_owned()];
        }
        let mut stems: Vec<String> = self
            .languages
            .iter()
            .map(|language| language.stem(word))
            .collect();
        stems.sort_unstable();
        stems.dedup();
        stems
    }

    /// A text that changes when what is indexed changes.
    pub fn recipe(&self) -> String {
        /// Grows when the same event gives other words than before.
        const VERSION: u32 = 1;
        let languages: Vec<&str> = self.languages.iter().map(|language| language.name).collect();
        format!("{VERSION} {:?} {}", self.kinds, languages.join(","))
    }
}

impl Language {
    fn stem(self, word: &str) -> String {
        Stemmer::create(self.algorithm).stem(word).into_owned()
    }
}

impl FromStr for Language {
    type Err = InvalidSearchRules;

    fn from_str(text: &str) -> Result<Self, InvalidSearchRules> {
        let found = LANGUAGES.iter().find(|(name, _)| *name == text);
        found
            .map(|(name, algorithm)| Self {
                name,
                algorithm: *algorithm,
            })
            .ok_or_else(|| InvalidSearchRules::UnknownLanguage(text.to_owned()))
    }
}
