//! One queue: its jobs, or its dead letters, page by page.

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    response::{IntoResponse, Response},
};
use queue::{DeadLetter, Depth, Queue, QueuedJob};
use runtime::clock::unix_millis;
use serde::Deserialize;

use super::{added_ms, entry_id, job::shortened, named, workers::process_of};
use crate::{
    App,
    web::{Ago, Frame, PageError, grouped, render},
};

/// Jobs on a page.
const PER_PAGE: u64 = 25;

/// Which part of the queue.
#[derive(Debug, Deserialize)]
pub struct Part {
    /// `dead`, else the jobs.
    #[serde(default)]
    show: String,
    /// The id of the last one on the page before.
    #[serde(default)]
    from: String,
}

#[derive(Template)]
#[template(path = "queues/queue.html")]
struct Page {
    frame: Frame,
    queue: Queue,
    depth: Depth,
    shows_dead: bool,
    jobs: Vec<QueuedJob>,
    dead: Vec<DeadLetter>,
    /// Where the next page begins; empty on the last one.
    next: String,
    is_first: bool,
    now_ms: u64,
}

impl Page {
    fn since(&self, ms: u64) -> Ago {
        Ago((self.now_ms.saturating_sub(ms) / 1000) as i64)
    }

    /// The newest dead letter on the page: "all" means it and what is older, not what comes while somebody reads.
    fn newest_dead(&self) -> &str {
        self.dead.first().map_or("", |letter| letter.id.as_str())
    }
}

pub async fn show(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(part): Query<Part>,
    frame: Frame,
) -> Result<Response, PageError> {
    let queue = named(&name)?;
    let from = match part.from.as_str() {
        "" => None,
        from => Some(entry_id(from)?),
    };
    let shows_dead = part.show == "dead";
    let (mut jobs, mut dead) = (Vec::new(), Vec::new());
    // One more than is shown tells whether there is a next page.
    if shows_dead {
        dead = app
            .producer
            .dead_letters_before(queue, from, PER_PAGE + 1)
            .await?;
    } else {
        jobs = app.producer.jobs(queue, from, PER_PAGE + 1).await?;
    }
    let there_is_more = jobs.len().max(dead.len()) > PER_PAGE as usize;
    jobs.truncate(PER_PAGE as usize);
    dead.truncate(PER_PAGE as usize);
    let last = jobs
        .last()
        .map(|job| &job.id)
        .or(dead.last().map(|letter| &letter.id));
    let page = Page {
        depth: app.producer.depth(queue).await?,
        next: last.filter(|_| there_is_more).cloned().unwrap_or_default(),
        is_first: from.is_none(),
        now_ms: unix_millis(),
        frame,
        queue,
        shows_dead,
        jobs,
        dead,
    };
    Ok(render(&page)?.into_response())
}
