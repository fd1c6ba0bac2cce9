//! The queues: how much waits, the jobs themselves, what was given up, and who works.

mod act;
mod job;
mod listing;
mod workers;

use std::sync::Arc;

use askama::Template;
use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures::{StreamExt, future::try_join_all, stream};
use queue::{Depth, Queue};
use runtime::clock::unix_millis;

use crate::{
    App,
    hour::Hour,
    web::{Frame, Moved, PageError, compact, duration, grouped, live, render},
};
use workers::Worker;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/queues", get(show))
        .route("/queues/live", get(moving))
        .route("/queues/{queue}", get(listing::show))
        .route("/queues/{queue}/jobs/{id}", get(job::show))
        .route("/queues/{queue}/dead/{id}", get(job::show_dead))
        .route("/queues/{queue}/dead/retry", post(act::retry))
        .route("/queues/{queue}/dead/drop", post(act::drop_dead))
}

#[derive(Template)]
#[template(path = "queues/page.html")]
struct Page {
    frame: Frame,
    body: String,
}

/// A queue on the first page.
struct Row {
    queue: Queue,
    depth: Depth,
    /// Age of the oldest job, in seconds.
    oldest_s: Option<f64>,
    /// Runs in the last minute.
    done: f64,
    failed: f64,
    buried: f64,
}

#[derive(Template)]
#[template(path = "queues/body.html")]
struct Body {
    rows: Vec<Row>,
    workers: Vec<Worker>,
}

impl Body {
    /// Asked of the queues now; only what is counted over a minute comes from the hour.
    async fn ask(app: &App) -> Result<Self, PageError> {
        let now_ms = unix_millis();
        let hour = app.hours.borrow().clone();
        let depths = try_join_all(Queue::ALL.map(|queue| app.producer.depth(queue))).await?;
        let rows = Queue::ALL.into_iter().zip(depths).enumerate();
        Ok(Self {
            rows: rows
                .map(|(at, (queue, depth))| Row::new(at, queue, depth, &hour, now_ms))
                .collect(),
            workers: workers::all(app, &hour).await?,
        })
    }
}

impl Row {
    fn oldest(&self) -> String {
        self.oldest_s.map_or_else(|| "–".to_owned(), duration)
    }

    fn new(at: usize, queue: Queue, depth: Depth, hour: &Arc<Hour>, now_ms: u64) -> Self {
        let minute = hour.last(60);
        let sum =
            |of: fn(&crate::hour::QueuePoint) -> f64| minute.iter().map(|point| of(&point.queues[at])).sum();
        Self {
            queue,
            depth,
            oldest_s: depth
                .oldest_ms
                .map(|ms| now_ms.saturating_sub(ms) as f64 / 1000.0),
            done: sum(|point| point.done),
            failed: sum(|point| point.failed),
            buried: sum(|point| point.buried),
        }
    }
}

async fn show(State(app): State<App>, frame: Frame) -> Result<Response, PageError> {
    let body = Body::ask(&app).await?.render()?;
    Ok(render(&Page { frame, body })?.into_response())
}

async fn moving(State(app): State<App>) -> Response {
    let stopping = app.stopping.clone();
    let moved = stream::unfold((app.hours.clone(), app), |(mut hours, app)| async move {
        hours.changed().await.ok()?;
        hours.mark_unchanged();
        // What cannot be read now is read the next time.
        let body = Body::ask(&app).await.and_then(|body| Ok(body.render()?)).ok();
        let parts = body.map(|html| Moved::Part("queues", html));
        Some((stream::iter(parts), (hours, app)))
    });
    live(moved.flatten(), stopping)
}

/// The queue that a path names.
fn named(name: &str) -> Result<Queue, PageError> {
    let queue = Queue::ALL.into_iter().find(|queue| queue.name() == name);
    queue.ok_or(PageError::NotFound)
}

/// `<unix ms>-<number>`: nothing else is sent to Redis.
fn entry_id(text: &str) -> Result<&str, PageError> {
    // Beyond 64 bits Redis calls it an error.
    let is_number =
        |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()) && part.parse::<u64>().is_ok();
    match text.split_once('-') {
        Some((ms, number)) if is_number(ms) && is_number(number) => Ok(text),
        _ => Err(PageError::NotFound),
    }
}

/// When an entry was added, unix milliseconds.
fn added_ms(id: &str) -> u64 {
    id.split_once('-')
        .and_then(|(ms, _)| ms.parse().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_an_entry_is_asked_for() {
        assert!(entry_id("1700000000000-0").is_ok());
        for text in [
            "",
            "-",
            "+",
            "1",
            "1-",
            "-1",
            "(1-0",
            "1-0 COUNT 9",
            "$",
            "1-0-0",
            "18446744073709551616-0",
        ] {
            assert!(entry_id(text).is_err(), "{text}");
        }
        assert_eq!(added_ms("1700000000000-3"), 1_700_000_000_000);
        assert!(named("nostr:event").is_ok() && named("nostr:nothing").is_err());
    }
}
