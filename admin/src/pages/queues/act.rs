//! Dead letters: once more, or away with them.

use axum::extract::{Path, State};
use serde::Deserialize;
use store::NewAuditEntry;

use super::{entry_id, named};
use crate::{
    App,
    operator::session::SignedIn,
    web::{PageError, Posted, Then, grouped},
};

/// Which ones.
#[derive(Debug, Deserialize)]
pub struct Which {
    /// One of them.
    #[serde(default)]
    id: String,
    /// All that are not newer than this one.
    #[serde(default)]
    up_to: String,
}

pub async fn retry(
    State(app): State<App>,
    Path(name): Path<String>,
    me: SignedIn,
    Posted(which): Posted<Which>,
) -> Result<Then, PageError> {
    let queue = named(&name)?;
    let count = if which.id.is_empty() {
        app.producer
            .retry_dead_letters(queue, entry_id(&which.up_to)?)
            .await?
    } else {
        u64::from(
            app.producer
                .retry_dead_letter(queue, entry_id(&which.id)?)
                .await?,
        )
    };
    note(&app, &me, "queues.retry", &name, &which, count).await?;
    Ok(then(&name, count, "enqueued again"))
}

pub async fn drop_dead(
    State(app): State<App>,
    Path(name): Path<String>,
    me: SignedIn,
    Posted(which): Posted<Which>,
) -> Result<Then, PageError> {
    let queue = named(&name)?;
    let count = if which.id.is_empty() {
        app.producer
            .delete_dead_letters(queue, entry_id(&which.up_to)?)
            .await?
    } else {
        u64::from(
            app.producer
                .delete_dead_letter(queue, entry_id(&which.id)?)
                .await?,
        )
    };
    note(&app, &me, "queues.drop", &name, &which, count).await?;
    Ok(then(&name, count, "thrown away"))
}

async fn note(
    app: &App,
    me: &SignedIn,
    act: &str,
    queue: &str,
    which: &Which,
    count: u64,
) -> Result<(), PageError> {
    if count == 0 {
        return Ok(());
    }
    let new = if which.id.is_empty() {
        format!("{count} jobs")
    } else {
        which.id.clone()
    };
    let entry = NewAuditEntry {
        operator: &me.operator.name,
        act,
        target: queue,
        old: "",
        new: &new,
    };
    Ok(app.store.note(entry).await?)
}

fn then(queue: &str, count: u64, what: &str) -> Then {
    let to = format!("/queues/{queue}?show=dead");
    match count {
        0 => Then::failed(to, "It is not there any more: somebody was faster."),
        1 => Then::done(to, format!("The job is {what}.")),
        _ => Then::done(to, format!("{} jobs are {what}.", grouped(count))),
    }
}
