//! The words and marks of an event, as Postgres reads a `tsvector`.

use std::fmt::Write;

use protocol::{
    Kind,
    search::{Searchable, Weight},
};

use super::marks;

/// What an event is found by. Its authors are who signed it and whom it was signed for.
pub(super) fn tsvector(
    searchable: &Searchable,
    authors: impl Iterator<Item = i32>,
    kind: Kind,
    created_at: i64,
) -> String {
    let mut text = String::new();
    let authors = authors.map(marks::author);
    for mark in marks::times(created_at).chain(authors).chain([marks::kind(kind)]) {
        let _ = write!(text, "'{mark}' ");
    }
    if searchable.has_warning() {
        let _ = write!(text, "'{}' ", marks::WARNING);
    }
    for (word, places) in searchable.words() {
        // Letters, digits and pictures only: nothing that would need an escape.
        let _ = write!(text, "'{word}'");
        for (number, place) in places.iter().enumerate() {
            text.push(if number == 0 { ':' } else { ',' });
            let _ = write!(text, "{}", place.position);
            match place.weight {
                Weight::Title => text.push('A'),
                Weight::Summary => text.push('B'),
                Weight::Text => {}
            }
        }
        text.push(' ');
    }
    text
}
