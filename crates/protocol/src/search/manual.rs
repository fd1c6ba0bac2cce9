//! `m:manual`: an expression as Postgres writes them: `fat & (rat | !cat)`, `fat <-> rat`, `'fat rat'`, `rat:*`.

use super::{
    expression::{Expression, Meaning, Term},
    query::InvalidSearch,
    words::words,
};

/// Parentheses and negations in one another at most.
const MAX_DEPTH: usize = 16;

/// The largest distance in `<N>`.
const MAX_DISTANCE: u16 = 16_384;

/// What a text of this syntax means.
pub(super) fn parse(text: &str, at_most: usize) -> Result<Expression, InvalidSearch> {
    let mut parser = Parser {
        rest: text.trim_start(),
        depth: 0,
        at_most,
    };
    let expression = parser.any()?;
    match parser.rest {
        "" => Ok(expression),
        _ => Err(InvalidSearch::Syntax("an operator is missing between two words")),
    }
}

/// `!` binds most, then `<->`, `&`, `|`.
struct Parser<'t> {
    rest: &'t str,
    depth: usize,
    at_most: usize,
}

impl<'t> Parser<'t> {
    fn any(&mut self) -> Result<Expression, InvalidSearch> {
        let mut parts = vec![self.all()?];
        while self.skip("|") {
            parts.push(self.all()?);
        }
        Ok(Expression::any(parts))
    }

    fn all(&mut self) -> Result<Expression, InvalidSearch> {
        let mut parts = vec![self.phrase()?];
        while self.skip("&") {
            parts.push(self.phrase()?);
        }
        Ok(Expression::all(parts))
    }

    fn phrase(&mut self) -> Result<Expression, InvalidSearch> {
        let mut left = self.operand()?;
        while let Some(distance) = self.distance()? {
            let right = self.operand()?;
            left = followed(left, distance, right)?;
        }
        Ok(left)
    }

    fn operand(&mut self) -> Result<Expression, InvalidSearch> {
        if self.skip("!") {
            let part = self.deeper(Self::operand)?;
            return Ok(Expression::Not(Box::new(part)));
        }
        if self.skip("(") {
            let part = self.deeper(Self::any)?;
            if !self.skip(")") {
                return Err(InvalidSearch::Syntax("a parenthesis is not closed"));
            }
            return Ok(part);
        }
        let text = self.text()?;
        let meaning = if self.skip(":*") {
            Meaning::Beginnings
        } else {
            Meaning::Exactly
        };
        // A word without letters is in no text.
        let found = Expression::of_words(&words(text, self.at_most), meaning);
        Ok(found.unwrap_or(Expression::NOTHING))
    }

    fn deeper(
        &mut self,
        parse: fn(&mut Self) -> Result<Expression, InvalidSearch>,
    ) -> Result<Expression, InvalidSearch> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(InvalidSearch::Syntax("it is nested too deeply"));
        }
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// What a word or a text in quotes says.
    fn text(&mut self) -> Result<&'t str, InvalidSearch> {
        let (text, rest) = match self.rest.strip_prefix('\'') {
            Some(quoted) => quoted
                .split_once('\'')
                .ok_or(InvalidSearch::Syntax("a quote is not closed"))?,
            None => {
                let is_end = |c: char| c.is_whitespace() || "&|!()<>:*'".contains(c);
                let end = self.rest.find(is_end).unwrap_or(self.rest.len());
                self.rest.split_at(end)
            }
        };
        if text.is_empty() {
            return Err(InvalidSearch::Syntax("a word is missing"));
        }
        self.rest = rest;
        // The mark of a beginning follows without a space.
        if !self.rest.starts_with(":*") {
            self.rest = self.rest.trim_start();
        }
        Ok(text)
    }

    /// `<->` or `<N>`.
    fn distance(&mut self) -> Result<Option<u16>, InvalidSearch> {
        if self.skip("<->") {
            return Ok(Some(1));
        }
        let Some((number, rest)) = self.rest.strip_prefix('<').and_then(|rest| rest.split_once('>')) else {
            return Ok(None);
        };
        let distance = number.parse().ok().filter(|distance| *distance <= MAX_DISTANCE);
        self.rest = rest.trim_start();
        distance
            .map(Some)
            .ok_or(InvalidSearch::Syntax("a distance is a number up to 16384"))
    }

    fn skip(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }
}

fn followed(left: Expression, distance: u16, right: Expression) -> Result<Expression, InvalidSearch> {
    let mut terms = terms(left)?;
    for (number, (within, term)) in self::terms(right)?.into_iter().enumerate() {
        terms.push((if number == 0 { distance } else { within }, term));
    }
    Ok(Expression::Phrase(terms))
}

fn terms(expression: Expression) -> Result<Vec<(u16, Term)>, InvalidSearch> {
    match expression {
        Expression::Term(term) => Ok(vec![(0, term)]),
        Expression::Phrase(terms) => Ok(terms),
        _ => Err(InvalidSearch::Syntax("only words can follow one another")),
    }
}
