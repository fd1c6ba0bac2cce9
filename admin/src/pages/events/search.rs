//! The first page of the events: the latest, or what was looked for.

use askama::Template;
use axum::{
    extract::{Query, State},
    response::{IntoResponse, Redirect, Response},
};
use protocol::{EventId, Filter, Reader};
use runtime::{clock::unix_millis, config};
use serde::Deserialize;
use store::StoredEvent;

use super::{
    latest::latest,
    question::{PER_PAGE, Question, by},
    row::{Row, html, rows},
};
use crate::{
    App,
    web::{Frame, PageError, render},
};

#[derive(Debug, Deserialize)]
pub struct Asked {
    /// What to look for.
    #[serde(default)]
    q: String,
    /// Unix seconds: only what is that old.
    #[serde(default)]
    until: String,
}

#[derive(Template)]
#[template(path = "events/page.html")]
struct Page {
    frame: Frame,
    asked: Asked,
    problem: String,
    is_latest: bool,
    count: usize,
    rows: String,
    /// `until` of the next page; empty on the last one.
    next: String,
}

/// What the store has for a question.
enum Answer {
    Latest(Vec<Row>),
    One(EventId),
    Found(Vec<StoredEvent>),
}

pub async fn show(
    State(app): State<App>,
    Query(asked): Query<Asked>,
    frame: Frame,
) -> Result<Response, PageError> {
    let question = Question::read(&asked.q)
        .and_then(|question| narrowed(question, &asked.until))
        .and_then(|question| answerable(question, &app.config.search));
    // The best come first, not the newest: there is no older page.
    let is_ranked = question.as_ref().is_ok_and(searches);
    let answer = match question {
        Ok(question) => answer(&app, question).await?,
        Err(problem) => return Page::wrong(frame, asked, problem),
    };
    let (rows, next, is_latest) = match answer {
        Answer::One(id) => return Ok(Redirect::to(&format!("/events/{id}")).into_response()),
        Answer::Latest(rows) => (rows, String::new(), true),
        Answer::Found(events) => {
            let is_full = events.len() >= PER_PAGE as usize && !is_ranked;
            let next = events.last().filter(|_| is_full);
            // Those of the same second as the last one would be left out otherwise; some are seen twice instead.
            let next = next.map(|event| event.created_at.to_string());
            let next = next.filter(|next| *next != asked.until).unwrap_or_default();
            (
                rows(&app, events.iter().map(|event| &event.json)).await?,
                next,
                false,
            )
        }
    };
    let page = Page {
        count: rows.len(),
        rows: html(&rows)?,
        problem: String::new(),
        frame,
        asked,
        is_latest,
        next,
    };
    Ok(render(&page)?.into_response())
}

impl Page {
    fn wrong(frame: Frame, asked: Asked, problem: String) -> Result<Response, PageError> {
        let page = Self {
            frame,
            asked,
            problem,
            is_latest: false,
            count: 0,
            rows: String::new(),
            next: String::new(),
        };
        Ok((axum::http::StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response())
    }
}

/// A later page of the same.
fn narrowed(question: Question, until: &str) -> Result<Question, String> {
    let (Question::Filters(mut filters), false) = (question.clone(), until.is_empty()) else {
        return Ok(question);
    };
    let until: u64 = until
        .parse()
        .map_err(|_| "The time is not a number.".to_owned())?;
    for filter in &mut filters {
        filter.until = Some(filter.until.map_or(until, |asked| asked.min(until)));
    }
    Ok(Question::Filters(filters))
}

/// Words are found only where search is on.
fn answerable(question: Question, search: &config::Search) -> Result<Question, String> {
    if searches(&question) && !search.enabled {
        return Err("Full-text search is off: search.enabled in the configuration.".to_owned());
    }
    Ok(question)
}

fn searches(question: &Question) -> bool {
    matches!(question, Question::Filters(filters) if filters.iter().any(|filter| filter.searched().is_some()))
}

async fn answer(app: &App, question: Question) -> Result<Answer, PageError> {
    Ok(match question {
        Question::Latest => Answer::Latest(latest(app).await?),
        Question::Event(id) => Answer::One(id),
        Question::Filters(filters) => Answer::Found(find(app, &filters).await?),
        Question::EventOrAuthor(id, pubkey) => {
            let of_author = find(app, &[by(pubkey)]).await?;
            // A key that nobody wrote with is looked at as an event: that page tells what is known of it.
            if of_author.is_empty() {
                Answer::One(id)
            } else {
                Answer::Found(of_author)
            }
        }
    })
}

/// What matches, newest first.
pub async fn find(app: &App, filters: &[Filter]) -> Result<Vec<StoredEvent>, PageError> {
    let now = unix_millis() / 1000;
    Ok(app.store.query(filters, &Reader::OPERATOR, now).await?.events)
}
