//! The pages, a module each.

mod access;
mod account;
mod connections;
mod events;
mod overview;
mod queues;
mod set_up;
mod settings;
mod sign_in;
mod sign_in_by_key;

use axum::{Router, response::Redirect, routing::get};

use crate::{App, web::Section};

/// For operators.
pub fn signed_in() -> Router<App> {
    Router::new()
        .route("/", get(async || Redirect::to(Section::NAVIGATION[0].path())))
        .merge(overview::routes())
        .merge(events::routes())
        .merge(queues::routes())
        .merge(connections::routes())
        .merge(settings::routes())
        .merge(access::routes())
        .merge(account::routes())
}

/// For everybody.
pub fn open() -> Router<App> {
    Router::new()
        .merge(sign_in::routes())
        .merge(sign_in_by_key::routes())
        .merge(set_up::routes())
}
