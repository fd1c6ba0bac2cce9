//! What a query's text means.

use super::words::{Sort, Word};

/// A condition on the words of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// The word is there.
    Term(Term),
    /// The words are there, each so many places after the one before; the first one's distance means nothing.
    Phrase(Vec<(u16, Term)>),
    /// All of these hold.
    All(Vec<Expression>),
    /// One of these holds; none of none.
    Any(Vec<Expression>),
    /// This does not hold.
    Not(Box<Expression>),
}

/// A word that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Folded: lower case, without accents.
    pub word: String,
    /// Whether a word that begins so will do.
    pub is_prefix: bool,
}

/// How a text of several words is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// As it stands.
    Exactly,
    /// Each word is the beginning of one.
    Beginnings,
}

/// Letters that the beginning of a word must have at least: with fewer it is taken for a whole word.
const MIN_PREFIX: usize = 2;

impl Expression {
    /// What matches nothing.
    pub(super) const NOTHING: Self = Self::Any(Vec::new());

    /// Words that stand together: one term, or a phrase. `None` without words.
    pub(super) fn of_words(words: &[Word], meaning: Meaning) -> Option<Self> {
        let mut terms = Vec::new();
        let mut before = 0;
        // The last of a run is in the pair before it already.
        for word in words.iter().filter(|word| word.sort != Sort::Last) {
            let is_prefix = match word.sort {
                // Alone it is looked for wherever it stands: every place but the last begins a pair.
                Sort::Alone => true,
                Sort::Word => meaning == Meaning::Beginnings && word.text.chars().count() >= MIN_PREFIX,
                Sort::Pair | Sort::Last => false,
            };
            let distance = u16::try_from(word.position - before).unwrap_or(u16::MAX);
            before = word.position;
            let word = word.text.clone();
            terms.push((distance, Term { word, is_prefix }));
        }
        match terms.len() {
            0 => None,
            1 => terms.pop().map(|(_, term)| Self::Term(term)),
            _ => Some(Self::Phrase(terms)),
        }
    }

    /// One is itself.
    pub(super) fn all(mut parts: Vec<Self>) -> Self {
        match (parts.pop(), parts.len()) {
            (Some(only), 0) => only,
            (last, _) => {
                parts.extend(last);
                Self::All(parts)
            }
        }
    }

    /// One is itself.
    pub(super) fn any(mut parts: Vec<Self>) -> Self {
        match (parts.pop(), parts.len()) {
            (Some(only), 0) => only,
            (last, _) => {
                parts.extend(last);
                Self::Any(parts)
            }
        }
    }

    /// Words in it.
    pub(super) fn term_count(&self) -> usize {
        match self {
            Self::Term(_) => 1,
            Self::Phrase(terms) => terms.len(),
            Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::term_count).sum(),
            Self::Not(part) => part.term_count(),
        }
    }

    /// Whether it can hold only for texts that have a certain word, one of a few: an index finds these.
    pub fn is_anchored(&self) -> bool {
        match self {
            Self::Term(_) | Self::Phrase(_) => true,
            Self::All(parts) => parts.iter().any(Self::is_anchored),
            Self::Any(parts) => parts.iter().all(Self::is_anchored),
            Self::Not(_) => false,
        }
    }
}
