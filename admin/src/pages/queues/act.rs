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

/// What is done with them.
#[derive(Clone, Copy)]
enum Act {
    Retry,
    Drop,
}

impl Act {
    /// In the history.
    const fn name(self) -> &'static str {
        match self {
            Self::Retry => "queues.retry",
            Self::Drop => "queues.drop",
        }
    }

    /// What has become of them.
    const fn done(self) -> &'static str {
        match self {
            Self::Retry => "enqueued again",
            Self::Drop => "thrown away",
        }
    }
}

pub async fn retry(app: State<App>, path: Path<String>, me: SignedIn, which: Posted<Which>) -> Answer {
    act(app, path, me, which, Act::Retry).await
}

pub async fn drop_dead(app: State<App>, path: Path<String>, me: SignedIn, which: Posted<Which>) -> Answer {
    act(app, path, me, which, Act::Drop).await
}

type Answer = Result<Then, PageError>;

async fn act(
    State(app): State<App>,
    Path(name): Path<String>,
    me: SignedIn,
    Posted(which): Posted<Which>,
    act: Act,
) -> Answer {
    let (queue, producer) = (named(&name)?, &app.producer);
    let (is_one, id) = match which.id.as_str() {
        "" => (false, entry_id(&which.up_to)?),
        id => (true, entry_id(id)?),
    };
    let count = match (act, is_one) {
        (Act::Retry, true) => u64::from(producer.retry_dead_letter(queue, id).await?),
        (Act::Retry, false) => producer.retry_dead_letters(queue, id).await?,
        (Act::Drop, true) => u64::from(producer.delete_dead_letter(queue, id).await?),
        (Act::Drop, false) => producer.delete_dead_letters(queue, id).await?,
    };
    let list = format!("/queues/{name}?show=dead");
    if count == 0 {
        return Ok(Then::failed(
            list,
            "It is not there any more: somebody was faster.",
        ));
    }
    let new = if is_one {
        which.id.clone()
    } else {
        format!("{count} jobs")
    };
    let entry = NewAuditEntry {
        operator: &me.operator.name,
        act: act.name(),
        target: &name,
        new: &new,
        ..NewAuditEntry::default()
    };
    app.store.note(entry).await?;
    let said = match count {
        1 => format!("The job is {}.", act.done()),
        _ => format!("{} jobs are {}.", grouped(count), act.done()),
    };
    Ok(Then::done(list, said))
}
