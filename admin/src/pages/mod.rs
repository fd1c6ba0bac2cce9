//! The pages, a module each.

mod account;
mod set_up;
mod sign_in;

use axum::{Router, response::Redirect, routing::get};

use crate::{App, web::Section};

/// For operators.
pub fn signed_in() -> Router<App> {
    Router::new()
        .route("/", get(async || Redirect::to(Section::NAVIGATION[0].path())))
        .merge(account::routes())
}

/// For everybody.
pub fn open() -> Router<App> {
    Router::new().merge(sign_in::routes()).merge(set_up::routes())
}
