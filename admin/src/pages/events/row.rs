//! An event as one row of a list.

use std::collections::HashMap;

use askama::Template;
use protocol::{Event, PublicKey};

use super::kinds;
use crate::{
    App,
    people::{Person, people},
    web::{Moment, PageError},
};

/// Characters of a content that are shown in a list.
const EXCERPT: usize = 280;

/// An event with its author.
#[derive(Debug, Clone)]
pub struct Row {
    pub event: Event,
    pub author: Person,
}

#[derive(Template)]
#[template(path = "events/rows.html")]
struct Rows<'r> {
    rows: &'r [Row],
}

impl Row {
    /// The kind, with its name if it has one.
    pub fn kind(&self) -> String {
        match kinds::name(self.event.kind) {
            "" => format!("kind {}", self.event.kind.0),
            name => name.to_owned(),
        }
    }

    pub fn moment(&self) -> Moment {
        Moment(
            i64::try_from(self.event.created_at)
                .unwrap_or(i64::MAX)
                .min(253_402_300_799),
        )
    }

    /// The start of the content.
    pub fn excerpt(&self) -> String {
        let mut text: String = self.event.content.chars().take(EXCERPT).collect();
        if text.len() < self.event.content.len() {
            text.push('…');
        }
        text
    }
}

/// Rows of events as they lie in the store, in their order; what cannot be read is left out.
pub async fn rows(
    app: &App,
    json: impl IntoIterator<Item = impl AsRef<[u8]>>,
) -> Result<Vec<Row>, PageError> {
    let events: Vec<Event> = json
        .into_iter()
        .filter_map(|json| serde_json::from_slice(json.as_ref()).ok())
        .collect();
    let authors: Vec<PublicKey> = events.iter().map(|event| event.pubkey).collect();
    let people = people(app, &authors).await?;
    Ok(events.into_iter().map(|event| row(event, &people)).collect())
}

fn row(event: Event, people: &HashMap<PublicKey, Person>) -> Row {
    let author = people.get(&event.pubkey).cloned();
    Row {
        author: author.unwrap_or_else(|| Person::unknown(event.pubkey)),
        event,
    }
}

/// Their HTML.
pub fn html(rows: &[Row]) -> Result<String, PageError> {
    Ok(Rows { rows }.render()?)
}
