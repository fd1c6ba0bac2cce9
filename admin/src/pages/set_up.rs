//! The first operator, by the link that the first start prints.

use askama::Template;
use axum::{
    Router,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use serde::Deserialize;
use store::{NewAuditEntry, NewOperator};
use validator::Validate;

use crate::{
    App,
    operator::{Throttle, create_operator, session, set_up_token_is_right, valid_name, valid_password},
    web::{Frame, PageError, Posted, Problems, Then, render},
};

pub fn routes() -> Router<App> {
    Router::new().route("/set-up", get(show).post(set_up))
}

#[derive(Template)]
#[template(path = "set_up/page.html")]
struct Page {
    frame: Frame,
    problems: Problems,
    token: String,
    name: String,
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    token: String,
}

#[derive(Deserialize, Validate)]
struct Form {
    token: String,
    #[validate(custom(function = valid_name))]
    name: String,
    #[validate(custom(function = valid_password))]
    password: String,
    #[validate(must_match(other = "password", message = "The two passwords are not the same."))]
    again: String,
}

const OLD_LINK: &str =
    "This link does not work any more. While there is no operator, a restart of admin prints another one.";

async fn show(
    State(app): State<App>,
    frame: Frame,
    Query(asked): Query<Asked>,
) -> Result<Response, PageError> {
    if !set_up_token_is_right(&app, &asked.token).await? {
        return Ok(Then::failed("/sign-in", OLD_LINK).into_response());
    }
    let page = Page {
        frame,
        problems: Problems::default(),
        token: asked.token,
        name: String::new(),
    };
    Ok(render(&page)?.into_response())
}

async fn set_up(
    State(app): State<App>,
    frame: Frame,
    Posted(form): Posted<Form>,
) -> Result<Response, PageError> {
    Throttle::new(&app, frame.address, None).attempt().await?;
    if !set_up_token_is_right(&app, &form.token).await? {
        return Ok(Then::failed("/sign-in", OLD_LINK).into_response());
    }
    if let Err(errors) = form.validate() {
        let page = Page {
            frame,
            problems: errors.into(),
            token: form.token,
            name: form.name,
        };
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response());
    }
    match create_operator(&app.store, &form.name, form.password, true).await? {
        NewOperator::Created(operator) => {
            app.desk.forget_set_up_token().await?;
            app.store
                .note(NewAuditEntry {
                    operator: &form.name,
                    act: "operators.create",
                    target: &form.name,
                    ..NewAuditEntry::default()
                })
                .await?;
            session::begin(&app, &frame, operator, Redirect::to("/").into_response()).await
        }
        NewOperator::NameTaken | NewOperator::NotTheFirst => {
            Ok(Then::failed("/sign-in", OLD_LINK).into_response())
        }
    }
}
