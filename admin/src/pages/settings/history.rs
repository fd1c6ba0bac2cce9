//! All that operators did, the latest first.

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Html,
};
use serde::Deserialize;
use store::AuditEntry;

use crate::{
    App,
    web::{Frame, Moment, PageError, render},
};

/// Entries on a page.
const PER_PAGE: u32 = 100;

#[derive(Template)]
#[template(path = "settings/history.html")]
struct Page {
    frame: Frame,
    entries: Vec<AuditEntry>,
    /// `before` of the next page, if there is one.
    next: Option<i64>,
}

#[derive(Deserialize)]
pub struct Asked {
    /// The number of an entry: only what is older.
    #[serde(default)]
    before: String,
}

pub async fn show(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    frame: Frame,
) -> Result<Html<String>, PageError> {
    let mut entries = app
        .store
        .audit_log("", asked.before.parse().ok(), PER_PAGE + 1)
        .await?;
    let is_full = entries.len() > PER_PAGE as usize;
    entries.truncate(PER_PAGE as usize);
    let next = entries.last().filter(|_| is_full).map(|entry| entry.id);
    render(&Page { frame, entries, next })
}
