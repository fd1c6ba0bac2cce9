//! One event: as people read it, as it was signed, and what hangs on it.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use protocol::{Event, EventId, Filter};

use super::{
    references::{References, references},
    row::{Row, rows},
    search::find,
};
use crate::{
    App,
    web::{Frame, Moment, PageError, Problems, bytes, grouped, indented, render},
};

/// Strings of a tag that are shown; `p` tags of a contact list have few, other tags may have thousands.
const STRINGS: usize = 20;

#[derive(Template)]
#[template(path = "events/event.html")]
struct Page {
    frame: Frame,
    row: Row,
    /// Byte for byte.
    raw: String,
    /// For people.
    pretty: String,
    nevent: String,
    naddr: String,
    references: References,
    problems: Problems,
    reason: String,
}

#[derive(Template)]
#[template(path = "events/missing.html")]
struct Missing {
    frame: Frame,
    id: EventId,
    /// The kind 5 event by which its author deleted it.
    deleted_by: Option<EventId>,
}

impl Page {
    fn expires(&self) -> Option<Moment> {
        let at = self.row.event.expiration().ok().flatten()?;
        Some(Moment(i64::try_from(at).unwrap_or(i64::MAX).min(253_402_300_799)))
    }

    /// The tags, each as its strings.
    fn tags(&self) -> Vec<Vec<&str>> {
        let tags = self.row.event.tags.iter();
        tags.map(|tag| tag.iter().take(STRINGS).collect()).collect()
    }

    fn size(&self) -> String {
        bytes(self.raw.len() as u64)
    }
}

/// What can be looked for from a tag: ids, keys and addresses of others.
fn link(tag: &[&str]) -> Option<String> {
    let [name, value, ..] = tag else { return None };
    let query = match *name {
        "e" | "q" | "E" => return value.parse::<EventId>().ok().map(|id| format!("/events/{id}")),
        "p" | "P" => value.parse::<protocol::PublicKey>().ok()?.npub(),
        "a" | "A" => value.parse::<protocol::Address>().ok()?.naddr()?,
        _ => return None,
    };
    Some(format!("/events?q={query}"))
}

pub async fn show(
    State(app): State<App>,
    Path(id): Path<String>,
    frame: Frame,
) -> Result<Response, PageError> {
    page(&app, &id, frame, Problems::default(), String::new()).await
}

/// The page, with what is wrong with a form on it and what was typed.
pub async fn page(
    app: &App,
    id: &str,
    frame: Frame,
    problems: Problems,
    reason: String,
) -> Result<Response, PageError> {
    let id: EventId = id.parse().map_err(|_| PageError::NotFound)?;
    let Some((raw, row)) = load(app, id).await? else {
        let deleted_by = app.store.deletion_of(id).await?;
        let missing = Missing {
            frame,
            id,
            deleted_by,
        };
        return Ok((StatusCode::NOT_FOUND, render(&missing)?).into_response());
    };
    let status = if problems.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let event = &row.event;
    let page = Page {
        nevent: event.id.nevent(event.pubkey, event.kind),
        naddr: event
            .address()
            .and_then(|address| address.naddr())
            .unwrap_or_default(),
        references: references(app, event).await?,
        pretty: indented(&raw),
        frame,
        row,
        raw,
        problems,
        reason,
    };
    Ok((status, render(&page)?).into_response())
}

/// An event that is here: its bytes, and what they say.
pub async fn load(app: &App, id: EventId) -> Result<Option<(String, Row)>, PageError> {
    let by_id = Filter {
        ids: Some(vec![id]),
        limit: Some(1),
        ..Filter::default()
    };
    let found = find(app, &[by_id]).await?;
    let Some(stored) = found.first() else {
        return Ok(None);
    };
    let raw = String::from_utf8_lossy(&stored.json).into_owned();
    Ok(rows(app, [&stored.json]).await?.pop().map(|row| (raw, row)))
}

/// The author of an event that is here.
pub async fn event(app: &App, id: &str) -> Result<Event, PageError> {
    let id: EventId = id.parse().map_err(|_| PageError::NotFound)?;
    let loaded = load(app, id).await?;
    loaded.map(|(_, row)| row.event).ok_or(PageError::NotFound)
}
