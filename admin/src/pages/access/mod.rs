//! Who and what may come in: one page for each list, all of the same kind.

mod add;
mod remove;
mod rows;
mod tab;

use std::collections::BTreeMap;

use askama::Template;
use axum::{
    Router,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;
use store::{AuditEntry, Part};

use crate::{
    App,
    operator::session::SignedIn,
    web::{Frame, Moment, PageError, Paging, Posted, Problems, Then, render},
};
use rows::Row;
use tab::{Input, Tab};

/// Entries on a page.
const PER_PAGE: usize = 50;

/// Entries of the history.
const HISTORY: u32 = 200;

/// The fields of a form by name.
type Fields = BTreeMap<String, String>;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/access", get(async || Redirect::to("/access/trusted")))
        .route("/access/history", get(history))
        .route("/access/{tab}", get(show))
        .route("/access/{tab}/add", post(add))
        .route("/access/{tab}/remove", post(remove))
}

#[derive(Template)]
#[template(path = "access/page.html")]
struct Page {
    frame: Frame,
    tab: Tab,
    rows: Vec<Row>,
    paging: Paging,
    problems: Problems,
    typed: Fields,
}

impl Page {
    async fn new(app: &App, frame: Frame, tab: Tab, page: usize) -> Result<Self, PageError> {
        let per_page = i64::try_from(PER_PAGE).unwrap_or(i64::MAX);
        let asked = i64::try_from(page.max(1) - 1).unwrap_or_default();
        let part = Part {
            offset: asked.saturating_mul(per_page),
            limit: per_page,
        };
        let (rows, total) = rows::rows(app, tab, part).await?;
        let total = usize::try_from(total).unwrap_or_default().max(rows.len());
        Ok(Self {
            frame,
            tab,
            rows,
            paging: Paging::new(page, total, PER_PAGE),
            problems: Problems::default(),
            typed: Fields::new(),
        })
    }

    fn typed(&self, input: &Input) -> &str {
        self.typed.get(input.name).map_or("", String::as_str)
    }

    fn tabs(&self) -> &'static [Tab] {
        &Tab::ALL
    }

    fn page_link(&self) -> String {
        format!("/access/{}?", self.tab.path())
    }
}

#[derive(Template)]
#[template(path = "access/history.html")]
struct History {
    frame: Frame,
    entries: Vec<AuditEntry>,
}

impl History {
    fn tabs(&self) -> &'static [Tab] {
        &Tab::ALL
    }
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    page: String,
    /// What another page proposes to add.
    #[serde(default)]
    value: String,
}

async fn show(
    State(app): State<App>,
    frame: Frame,
    Path(tab): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, PageError> {
    let tab = Tab::parse(&tab).ok_or(PageError::NotFound)?;
    let mut page = Page::new(&app, frame, tab, asked.page.parse().unwrap_or(1)).await?;
    if let (Some(first), false) = (tab.inputs().first(), asked.value.is_empty()) {
        page.typed.insert(first.name.to_owned(), asked.value);
    }
    Ok(render(&page)?.into_response())
}

async fn history(State(app): State<App>, frame: Frame) -> Result<Response, PageError> {
    let entries = app.store.audit_log("access.", None, HISTORY).await?;
    Ok(render(&History { frame, entries })?.into_response())
}

async fn add(
    State(app): State<App>,
    frame: Frame,
    me: SignedIn,
    Path(tab): Path<String>,
    Posted(fields): Posted<Fields>,
) -> Result<Response, PageError> {
    let tab = Tab::parse(&tab).ok_or(PageError::NotFound)?;
    match add::add(&app, &me.operator.name, tab, &fields).await? {
        Ok(said) => Ok(Then::done(format!("/access/{}", tab.path()), said).into_response()),
        Err(problems) => {
            let mut page = Page::new(&app, frame, tab, 1).await?;
            (page.problems, page.typed) = (problems, fields);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response())
        }
    }
}

#[derive(Deserialize)]
struct Key {
    key: String,
}

async fn remove(
    State(app): State<App>,
    me: SignedIn,
    Path(tab): Path<String>,
    Posted(Key { key }): Posted<Key>,
) -> Result<Then, PageError> {
    let tab = Tab::parse(&tab).ok_or(PageError::NotFound)?;
    let path = format!("/access/{}", tab.path());
    Ok(if remove::remove(&app, &me.operator.name, tab, &key).await? {
        Then::done(path, tab.removed())
    } else {
        Then::failed(path, "It is not in this list any more.")
    })
}
