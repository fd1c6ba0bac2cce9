//! Who refers to an event.

use protocol::{Event, Filter, Kind, Reader, TagFilter};
use runtime::clock::unix_millis;

use super::{
    question::tag,
    row::{Row, rows},
    search::find,
};
use crate::{App, web::PageError};

/// References shown.
const SHOWN: u32 = 20;

/// What refers to an event.
#[derive(Debug, Default)]
pub struct References {
    /// Deletion requests that name it: what other people than its author ask for is not done.
    pub deletions: Vec<Row>,
    /// The newest that name it otherwise.
    pub newest: Vec<Row>,
    /// All that name it.
    pub count: u64,
}

/// Looks them up: by its id (`e`, `q`) and by its address (`a`).
pub async fn references(app: &App, event: &Event) -> Result<References, PageError> {
    let id = event.id.to_string();
    let mut filters: Vec<Filter> = [tag(b'e', &id), tag(b'q', &id)].map(naming).into();
    if let Some(address) = event.address() {
        filters.push(naming(tag(b'a', &address.to_string())));
    }
    let deletions: Vec<Filter> = filters
        .iter()
        .map(|filter| Filter {
            kinds: Some(vec![Kind::DELETION.0]),
            ..filter.clone()
        })
        .collect();
    let now = unix_millis() / 1000;
    let (newest, deletions, count) = tokio::try_join!(find(app, &filters), find(app, &deletions), async {
        Ok(app.store.count(&filters, &Reader::OPERATOR, now).await?)
    },)?;
    let newest = newest.iter().take(SHOWN as usize).map(|event| &event.json);
    let mut newest = rows(app, newest).await?;
    newest.retain(|row| row.event.kind != Kind::DELETION);
    Ok(References {
        newest,
        deletions: rows(app, deletions.iter().map(|event| &event.json)).await?,
        count,
    })
}

fn naming(tag: TagFilter) -> Filter {
    Filter {
        tags: vec![tag],
        limit: Some(SHOWN),
        ..Filter::default()
    }
}
