//! All routes, and what lies around them.

use axum::{Router, extract::DefaultBodyLimit, middleware};

use crate::{
    App,
    operator::session,
    pages,
    web::{self, PageError},
};

/// Bytes of a form at most.
const FORM_BYTES: usize = 512 * 1024;

/// The whole app.
pub fn router(app: App) -> Router {
    let pages = pages::signed_in()
        .route_layer(middleware::from_fn(session::require))
        .merge(pages::open())
        .merge(web::theme_routes())
        .fallback(async || PageError::NotFound)
        .layer(middleware::from_fn_with_state(app.clone(), session::load));
    web::asset_routes()
        .merge(pages)
        .layer(DefaultBodyLimit::max(FORM_BYTES))
        .layer(middleware::from_fn_with_state(app.clone(), web::secure))
        .with_state(app)
}
