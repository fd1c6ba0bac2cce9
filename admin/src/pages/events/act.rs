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

/// Why.
#[derive(Debug, Deserialize, Validate)]
pub struct Form {
    #[serde(default)]
    #[validate(custom(function = reason))]
    reason: String,
    /// `on`: with all that they wrote.
    #[serde(default)]
    without_events: String,
}

/// Removes an event; it stays away.
pub async fn ban_event(
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
    app.store
        .rule_event(&me.operator.name, event.id, Verdict::Banned, form.reason.trim())
        .await?;
    rulings::banned(&app).await?;
    Ok(Then::done("/events", "The event is removed and will not come back.").into_response())
}

/// Bans the author of an event.
pub async fn ban_author(
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
    let without_events = form.without_events == "on";
    app.store
        .rule_pubkey(
            &me.operator.name,
            event.pubkey,
            Verdict::Banned,
            form.reason.trim(),
            without_events,
        )
        .await?;
    rulings::banned(&app).await?;
    let said = if without_events {
        "The author is banned; their events are being removed."
    } else {
        "The author is banned; what they wrote stays."
    };
    Ok(Then::done("/events", said).into_response())
}

fn reason(reason: &str) -> Result<(), ValidationError> {
    match reason.trim().chars().count() {
        0 => Err(problem("Say why: it is noted in the history.")),
        1..=MOST => Ok(()),
        _ => Err(problem("At most 300 characters.")),
    }
}
