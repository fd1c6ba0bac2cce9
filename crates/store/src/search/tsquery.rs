//! What a filter searches for, as Postgres reads a `tsquery`.

use protocol::{
    Kind, SearchRules,
    search::{Expression, Search, Term},
};

use super::marks;

/// A query that has been written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TsQuery {
    /// The words alone, which are ranked by; empty when the query has none.
    pub words: String,
    /// With the marks of the filter's authors and kinds.
    pub all: String,
}

pub(crate) fn tsquery(
    search: &Search,
    rules: &SearchRules,
    authors: Option<&[i32]>,
    kinds: Option<&[u16]>,
) -> TsQuery {
    let expression = search.expression();
    let words = expression.map_or_else(String::new, |expression| written(expression, rules));
    let mut conditions = Vec::new();
    if !words.is_empty() {
        conditions.push(words.clone());
    }
    if let Some(authors) = authors {
        conditions.push(any(authors.iter().map(|number| marks::author(*number))));
    }
    // Without a word to begin with the index would be read from end to end: then it begins with all kinds.
    let is_anchored = authors.is_some() || expression.is_some_and(Expression::is_anchored);
    if let Some(kinds) = kinds.or((!is_anchored).then_some(rules.kinds())) {
        conditions.push(any(kinds.iter().map(|kind| marks::kind(Kind(*kind)))));
    }
    if search.is_harmless() {
        conditions.push(format!("!'{}'", marks::WARNING));
    }
    TsQuery {
        words,
        all: conditions.join(" & "),
    }
}

impl TsQuery {
    /// Only what has one of these marks.
    pub fn marked(&self, marks: &[String]) -> String {
        if marks.is_empty() {
            return self.all.clone();
        }
        format!("{} & {}", any(marks.iter().cloned()), self.all)
    }
}

fn written(expression: &Expression, rules: &SearchRules) -> String {
    match expression {
        Expression::Term(term) => lexeme(term, rules),
        Expression::Phrase(terms) => {
            let mut text = String::from("(");
            for (number, (distance, term)) in terms.iter().enumerate() {
                if number > 0 {
                    text.push_str(&format!(" <{distance}> "));
                }
                text.push_str(&lexeme(term, rules));
            }
            text.push(')');
            text
        }
        Expression::All(parts) => joined(parts, " & ", rules),
        Expression::Any(parts) => joined(parts, " | ", rules),
        Expression::Not(part) => format!("!{}", written(part, rules)),
    }
}

fn joined(parts: &[Expression], operator: &str, rules: &SearchRules) -> String {
    let parts: Vec<String> = parts.iter().map(|part| written(part, rules)).collect();
    format!("({})", parts.join(operator))
}

fn lexeme(term: &Term, rules: &SearchRules) -> String {
    if term.is_prefix {
        return format!("'{}':*", term.word);
    }
    any(rules.stems(&term.word).into_iter())
}

/// One of these, which hold nothing that would need an escape. In halves: a chain of a thousand would be as deep.
fn any(lexemes: impl Iterator<Item = String>) -> String {
    fn halves(lexemes: &[String], text: &mut String) {
        match lexemes {
            [] => {}
            [one] => {
                text.push('\'');
                text.push_str(one);
                text.push('\'');
            }
            more => {
                let (left, right) = more.split_at(more.len() / 2);
                text.push('(');
                halves(left, text);
                text.push('|');
                halves(right, text);
                text.push(')');
            }
        }
    }
    let mut text = String::new();
    halves(&lexemes.collect::<Vec<_>>(), &mut text);
    text
}
