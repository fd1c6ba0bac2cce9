//! `"search"` of a filter.

use serde::{Serialize, Serializer};

use super::{
    expression::{Expression, Meaning},
    extensions::Extension,
    manual,
    web::{self, Piece, pieces},
    words::words,
};

/// Bytes of a query at most.
pub const MAX_QUERY_BYTES: usize = 2048;

/// Words that a query asks for at most; in scripts without spaces, characters.
pub const MAX_TERMS: usize = 64;

/// A query that has been understood.
///
/// `m:plain`, `m:phrase`, `m:prefix` and `m:manual` choose how the text is written; without them it is as in web search: words
/// that must all occur, `"a phrase"`, `this or that`, `-without`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    text: String,
    expression: Option<Expression>,
    is_harmless: bool,
}

/// Why a query cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSearch {
    /// Longer than [`MAX_QUERY_BYTES`].
    #[error("the search is longer than {MAX_QUERY_BYTES} bytes")]
    TooLong,
    /// More than [`MAX_TERMS`].
    #[error("the search has more than {MAX_TERMS} words")]
    TooManyTerms,
    /// `m:manual` with a text that is no expression.
    #[error("the search is no expression: {0}")]
    Syntax(&'static str),
}

enum Mode {
    Web,
    Plain,
    Phrase,
    Prefix,
    Manual,
}

impl Search {
    /// Understands a query.
    pub fn parse(text: &str) -> Result<Self, InvalidSearch> {
        if text.len() > MAX_QUERY_BYTES {
            return Err(InvalidSearch::TooLong);
        }
        let mut mode = Mode::Web;
        let mut is_harmless = false;
        let pieces = pieces(text);
        // The mode first: it decides what else is an extension.
        for piece in &pieces {
            if let Some(Extension::Mode(name)) = extension(piece, true) {
                mode = Mode::of(name);
            }
        }
        let strictly = matches!(mode, Mode::Manual);
        let words: Vec<Piece<'_>> = pieces
            .into_iter()
            .filter(|piece| match extension(piece, strictly) {
                Some(Extension::Harmless) => {
                    is_harmless = true;
                    false
                }
                Some(_) => false,
                None => true,
            })
            .collect();
        let expression = if words.is_empty() {
            None
        } else {
            Some(mode.expression(text, &words)?)
        };
        if expression.as_ref().map_or(0, Expression::term_count) > MAX_TERMS {
            return Err(InvalidSearch::TooManyTerms);
        }
        Ok(Self {
            text: text.to_owned(),
            expression,
            is_harmless,
        })
    }

    /// As the client wrote it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the text means; `None` when there is no text besides extensions.
    pub fn expression(&self) -> Option<&Expression> {
        self.expression.as_ref()
    }

    /// `nsfw:false`: whether events that their authors warn of are left out (NIP-36).
    pub fn is_harmless(&self) -> bool {
        self.is_harmless
    }

    /// Whether it asks for anything: extensions that change nothing do not.
    pub fn narrows(&self) -> bool {
        self.expression.is_some() || self.is_harmless
    }

    /// Whether no text can match, as when the query has no letter.
    pub fn matches_nothing(&self) -> bool {
        self.expression == Some(Expression::NOTHING)
    }
}

fn extension<'t>(piece: &Piece<'t>, strictly: bool) -> Option<Extension<'t>> {
    if piece.is_quoted || piece.is_negated {
        return None;
    }
    Extension::of(piece.text, strictly)
}

impl Mode {
    /// One that nobody knows is none.
    fn of(name: &str) -> Self {
        match name {
            "plain" => Self::Plain,
            "phrase" => Self::Phrase,
            "prefix" => Self::Prefix,
            "manual" => Self::Manual,
            _ => Self::Web,
        }
    }

    fn expression(&self, text: &str, pieces: &[Piece<'_>]) -> Result<Expression, InvalidSearch> {
        // One more than is allowed tells that there are too many.
        let at_most = 2 * MAX_TERMS + 2;
        let each = |meaning: Meaning| {
            let found = pieces
                .iter()
                .filter_map(|piece| Expression::of_words(&words(piece.text, at_most), meaning));
            let found: Vec<_> = found.collect();
            if found.is_empty() {
                Expression::NOTHING
            } else {
                Expression::all(found)
            }
        };
        Ok(match self {
            Self::Web => web::parse(pieces, at_most),
            Self::Plain => each(Meaning::Exactly),
            Self::Prefix => each(Meaning::Beginnings),
            Self::Phrase => {
                let text: Vec<&str> = pieces.iter().map(|piece| piece.text).collect();
                let words = words(&text.join(" "), at_most);
                Expression::of_words(&words, Meaning::Exactly).unwrap_or(Expression::NOTHING)
            }
            Self::Manual => {
                // Quotes have a meaning of their own there, so the text is taken as it is, but for its extensions.
                let words: Vec<&str> = text
                    .split_whitespace()
                    .filter(|word| Extension::of(word, true).is_none())
                    .collect();
                manual::parse(&words.join(" "), at_most)?
            }
        })
    }
}

impl Serialize for Search {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}
