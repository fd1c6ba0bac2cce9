//! One job, whole.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use queue::{DeadLetter, Queue, QueuedJob};
use runtime::clock::unix_millis;

use super::{entry_id, named, workers::process_of};
use crate::{
    App,
    web::{Ago, Frame, Moment, PageError, bytes, indented, render},
};

/// Bytes of a payload that are shown; a job of many events may be larger.
const MOST: usize = 256 * 1024;

#[derive(Template)]
#[template(path = "queues/job.html")]
struct Page {
    frame: Frame,
    queue: Queue,
    id: String,
    job: Option<QueuedJob>,
    letter: Option<DeadLetter>,
    payload: String,
    size: u64,
    enqueued_ms: u64,
    now_ms: u64,
}

impl Page {
    fn new(frame: Frame, queue: Queue, id: &str, json: &str, enqueued_ms: u64) -> Self {
        Self {
            payload: pretty(json),
            size: json.len() as u64,
            now_ms: unix_millis(),
            id: id.to_owned(),
            job: None,
            letter: None,
            enqueued_ms,
            frame,
            queue,
        }
    }

    fn moment(&self, ms: u64) -> Moment {
        Moment((ms / 1000) as i64)
    }

    fn since(&self, ms: u64) -> Ago {
        Ago((self.now_ms.saturating_sub(ms) / 1000) as i64)
    }
}

pub async fn show(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    frame: Frame,
) -> Result<Response, PageError> {
    let (queue, id) = (named(&name)?, entry_id(&id)?);
    let job = app.producer.job(queue, id).await?.ok_or(PageError::NotFound)?;
    let page = Page {
        job: Some(job.clone()),
        ..Page::new(frame, queue, id, &job.job, job.enqueued_ms)
    };
    Ok(render(&page)?.into_response())
}

pub async fn show_dead(
    State(app): State<App>,
    Path((name, id)): Path<(String, String)>,
    frame: Frame,
) -> Result<Response, PageError> {
    let (queue, id) = (named(&name)?, entry_id(&id)?);
    let letter = app
        .producer
        .dead_letter(queue, id)
        .await?
        .ok_or(PageError::NotFound)?;
    let page = Page {
        letter: Some(letter.clone()),
        ..Page::new(frame, queue, id, &letter.job, letter.enqueued_ms)
    };
    Ok(render(&page)?.into_response())
}

/// JSON with a line for each value; what is none as it is.
fn pretty(json: &str) -> String {
    let text = indented(json);
    if text.len() > MOST {
        let end = text.floor_char_boundary(MOST);
        return format!(
            "{}\n… and {} more",
            &text[..end],
            bytes((text.len() - end) as u64)
        );
    }
    text
}

/// The start of a payload, for a line in a list.
pub fn shortened(json: &str) -> &str {
    &json[..json.floor_char_boundary(160)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_readable_whatever_they_are() {
        assert_eq!(
            pretty(r#"{"v":1,"task":"x"}"#),
            "{\n  \"v\": 1,\n  \"task\": \"x\"\n}"
        );
        assert_eq!(pretty("no json"), "no json");
        let long = pretty(&"ü".repeat(MOST));
        assert!(long.ends_with("and 262 kB more"), "{}", &long[long.len() - 40..]);
    }
}
