//! The events: the latest, live; what a search finds; one event with all that hangs on it; removing and banning.

mod act;
mod kinds;
mod latest;
mod question;
mod references;
mod row;
mod search;
mod show;

use axum::{
    Router,
    routing::{get, post},
};

use crate::App;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/events", get(search::show))
        .route("/events/live", get(latest::moving))
        .route("/events/{id}", get(show::show))
        .route("/events/{id}/ban", post(act::ban))
}
