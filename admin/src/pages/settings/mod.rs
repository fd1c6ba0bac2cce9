//! What can be changed while the relay runs, what cannot, and what operators did.

mod configuration;
mod history;
mod live;

use axum::{
    Router,
    routing::{get, post},
};

use crate::App;

pub fn routes() -> Router<App> {
    Router::new()
        .route("/settings", get(live::show))
        .route("/settings/maintenance", post(live::maintenance))
        .route("/settings/connections", post(live::max_connections))
        .route("/settings/unlimited", post(live::unlimited))
        .route("/settings/relay", post(live::relay))
        .route("/settings/configuration", get(configuration::show))
        .route("/settings/history", get(history::show))
}
