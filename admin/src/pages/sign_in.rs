//! Signing in with name and password, and out again.

use askama::Template;
use axum::{
    Router,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;

use crate::{
    App,
    operator::{Throttle, password_is_right, session},
    web::{Frame, PageError, Posted, Problems, local_path, render},
};

pub fn routes() -> Router<App> {
    Router::new()
        .route("/sign-in", get(show).post(sign_in))
        .route("/sign-out", post(sign_out))
}

#[derive(Template)]
#[template(path = "sign_in/page.html")]
struct Page {
    frame: Frame,
    problems: Problems,
    name: String,
    next: String,
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
struct Form {
    name: String,
    password: String,
    next: String,
}

async fn show(frame: Frame, Query(asked): Query<Asked>) -> Result<Response, PageError> {
    if frame.operator.is_some() {
        return Ok(Redirect::to(local_path(&asked.next)).into_response());
    }
    Ok(render(&Page {
        frame,
        problems: Problems::default(),
        name: String::new(),
        next: local_path(&asked.next).to_owned(),
    })?
    .into_response())
}

async fn sign_in(
    State(app): State<App>,
    frame: Frame,
    Posted(form): Posted<Form>,
) -> Result<Response, PageError> {
    let name = form.name.trim();
    let throttle = Throttle::new(&app, frame.address, Some(name));
    throttle.attempt().await?;
    let found = app.store.credentials(name).await?;
    let (id, hash) = found.map_or((None, None), |found| (Some(found.id), found.password_hash));
    let is_right = password_is_right(form.password, hash).await?;
    if let (Some(operator), true) = (id, is_right) {
        throttle.forget().await?;
        let next = Redirect::to(local_path(&form.next)).into_response();
        return session::begin(&app, &frame, operator, next).await;
    }
    // Not which of the two: who guesses learns nothing.
    let page = Page {
        problems: Problems::one("password", "Name and password do not belong together."),
        name: form.name,
        next: local_path(&form.next).to_owned(),
        frame,
    };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response())
}

#[derive(Deserialize)]
struct Nothing {}

async fn sign_out(
    State(app): State<App>,
    frame: Frame,
    Posted(Nothing {}): Posted<Nothing>,
) -> Result<Response, PageError> {
    if let Some(hash) = &frame.session {
        app.store.end_session(hash).await?;
    }
    let mut response = Redirect::to("/sign-in").into_response();
    session::forget(&mut response, &frame);
    Ok(response)
}
