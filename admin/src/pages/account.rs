//! The operator's own account: password and sessions.

use askama::Template;
use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use store::{NewAuditEntry, Session};

use crate::{
    App,
    operator::{Throttle, hash_password, password_is_right, password_problem, session::SignedIn},
    web::{Ago, Frame, Moment, PageError, Posted, Problems, Then, render},
};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/account", get(show))
        .route("/account/password", post(change_password))
        .route("/account/sessions/end", post(end_sessions))
}

#[derive(Template)]
#[template(path = "account/page.html")]
struct Page {
    frame: Frame,
    problems: Problems,
    sessions: Vec<Session>,
    own: [u8; 32],
    now: i64,
}

impl Page {
    async fn new(app: &App, frame: Frame, me: &SignedIn, problems: Problems) -> Result<Self, PageError> {
        Ok(Self {
            sessions: app.store.sessions(me.operator.id).await?,
            own: me.session,
            now: runtime::clock::unix_millis() as i64 / 1000,
            frame,
            problems,
        })
    }
}

async fn show(State(app): State<App>, frame: Frame, me: SignedIn) -> Result<Response, PageError> {
    let page = Page::new(&app, frame, &me, Problems::default()).await?;
    Ok(render(&page)?.into_response())
}

#[derive(Deserialize)]
struct Passwords {
    old: String,
    password: String,
    again: String,
}

async fn change_password(
    State(app): State<App>,
    frame: Frame,
    me: SignedIn,
    Posted(form): Posted<Passwords>,
) -> Result<Response, PageError> {
    let name = &me.operator.name;
    let throttle = Throttle::new(&app, frame.address, Some(name));
    throttle.attempt().await?;
    let mut problems = Problems::default();
    let credentials = app.store.credentials(name).await?;
    let hash = credentials.and_then(|credentials| credentials.password_hash);
    // Who signed in with a Nostr key alone has no old password.
    if hash.is_some() && !password_is_right(form.old, hash).await? {
        problems.add("old", "This is not your password.");
    }
    if let Some(text) = password_problem(&form.password) {
        problems.add("password", text);
    }
    if form.password != form.again {
        problems.add("again", "The two passwords are not the same.");
    }
    if !problems.is_empty() {
        let page = Page::new(&app, frame, &me, problems).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response());
    }
    let hash = hash_password(form.password).await?;
    app.store.set_password(me.operator.id, &hash).await?;
    app.store.end_sessions(me.operator.id, Some(&me.session)).await?;
    throttle.forget().await?;
    app.store
        .note(NewAuditEntry {
            operator: name,
            act: "operators.password",
            target: name,
            ..NewAuditEntry::default()
        })
        .await?;
    let said = "The password is changed; your other sessions have ended.";
    Ok(Then::done("/account", said).into_response())
}

#[derive(Deserialize)]
struct Nothing {}

async fn end_sessions(
    State(app): State<App>,
    me: SignedIn,
    Posted(Nothing {}): Posted<Nothing>,
) -> Result<Then, PageError> {
    let ended = app.store.end_sessions(me.operator.id, Some(&me.session)).await?;
    Ok(Then::done(
        "/account",
        format!("{ended} other sessions have ended."),
    ))
}
