//! Removing an event for good, and banning its author.

use axum::{
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use store::Verdict;
use validator::{Validate, ValidationError};

use super::show;
use crate::{
    App,
    operator::session::SignedIn,
    rulings,
    web::{Frame, PageError, Posted, Then, problem},
};

/// Characters of a reason.
const MOST: usize = 300;

/// The button that was pressed.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum What {
    Event,
    Author,
}

/// What is banned, and why.
#[derive(Debug, Deserialize, Validate)]
pub struct Form {
    what: What,
    #[serde(default)]
    #[validate(custom(function = reason))]
    reason: String,
    /// `on`: the author with all that they wrote.
    #[serde(default)]
    without_events: String,
}

pub async fn ban(
    State(app): State<App>,
    Path(id): Path<String>,
    frame: Frame,
    me: SignedIn,
    Posted(form): Posted<Form>,
) -> Result<Response, PageError> {
    if let Err(errors) = form.validate() {
        return show::page(&app, &id, frame, errors.into(), form.reason).await;
    }
    let event = show::event(&app, &id).await?;
    let (by, banned, reason) = (&me.operator.name, Verdict::Banned, form.reason.trim());
    let without_events = form.without_events == "on";
    let said = match form.what {
        What::Event => {
            app.store.rule_event(by, event.id, banned, reason).await?;
            "The event is removed and will not come back."
        }
        What::Author => {
            let author = event.pubkey;
            app.store
                .rule_pubkey(by, author, banned, reason, without_events)
                .await?;
            if without_events {
                "The author is banned; their events are being removed."
            } else {
                "The author is banned; what they wrote stays."
            }
        }
    };
    rulings::banned(&app).await?;
    Ok(Then::done("/events", said).into_response())
}

fn reason(reason: &str) -> Result<(), ValidationError> {
    match reason.trim().chars().count() {
        0 => Err(problem("Say why: it is noted in the history.")),
        1..=MOST => Ok(()),
        _ => Err(problem("At most 300 characters.")),
    }
}
