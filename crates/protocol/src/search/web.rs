//! The usual way to write a query: words that must all occur, `"a phrase"`, `this or that`, `-without`.

use super::{
    expression::{Expression, Meaning},
    words::words,
};

/// A piece of a query: what stands between spaces, or between quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece<'t> {
    pub text: &'t str,
    pub is_quoted: bool,
    pub is_negated: bool,
}

/// The pieces of a text in their order. A quote that nobody closes ends with the text.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let is_negated = rest.starts_with('-');
        let begin = if is_negated { &rest[1..] } else { rest };
        let (text, is_quoted, after) = match begin.strip_prefix('"') {
            Some(quoted) => {
                let (text, after) = quoted.split_once('"').unwrap_or((quoted, ""));
                (text, true, after)
            }
            None => {
                let end = begin
                    .find(|c: char| c.is_whitespace() || c == '"')
                    .unwrap_or(begin.len());
                (&begin[..end], false, &begin[end..])
            }
        };
        pieces.push(Piece {
            text,
            is_quoted,
            is_negated,
        });
        rest = after.trim_start();
    }
    pieces
}

/// What the pieces mean: `or` binds less than neighbours do.
pub(super) fn parse(pieces: &[Piece<'_>], at_most: usize) -> Expression {
    let mut alternatives = Vec::new();
    let mut together = Vec::new();
    for piece in pieces {
        if !piece.is_quoted && !piece.is_negated && piece.text.eq_ignore_ascii_case("or") {
            if !together.is_empty() {
                alternatives.push(Expression::all(std::mem::take(&mut together)));
            }
            continue;
        }
        let found = Expression::of_words(&words(piece.text, at_most), Meaning::Exactly);
        together.extend(found.map(|found| match piece.is_negated {
            true => Expression::Not(Box::new(found)),
            false => found,
        }));
    }
    if !together.is_empty() {
        alternatives.push(Expression::all(together));
    }
    Expression::any(alternatives)
}
