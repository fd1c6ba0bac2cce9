//! What can go wrong with a page, and the page that says so.

use std::error::Error;

use askama::Template;
use axum::{
    http::StatusCode,
    response::{Html, IntoResponse, Response},
};
use pubsub::PubsubError;
use queue::QueueError;
use store::StoreError;
use tracing::error;

use super::{Frame, Visit};

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// Nothing is there.
    #[error("There is nothing here.")]
    NotFound,
    /// The request is not what a form of ours sends.
    #[error("{0}")]
    BadRequest(&'static str),
    /// The CSRF token is missing or not that of this session.
    #[error("This form was made for another session. Go back, load the page again, and send it once more.")]
    ForgedForm,
    /// Too many attempts.
    #[error("Too many attempts. Try again in {} minutes.", .0.div_ceil(60))]
    TooMany(u64),
    /// Postgres.
    #[error("Postgres does not answer as it should.")]
    Store(#[from] StoreError),
    /// Redis, keys and channels.
    #[error("Redis does not answer as it should.")]
    Pubsub(#[from] PubsubError),
    /// Redis, queues.
    #[error("The queues do not answer as they should.")]
    Queue(#[from] QueueError),
    /// A template.
    #[error("The page could not be made.")]
    Render(#[from] askama::Error),
    /// Something that must not happen.
    #[error("Something went wrong here.")]
    Internal(#[source] Box<dyn Error + Send + Sync>),
}

impl PageError {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::ForgedForm => StatusCode::FORBIDDEN,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Store(_) | Self::Pubsub(_) | Self::Queue(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Render(_) | Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// Travels with the answer to [`error_page`], which knows who asked.
#[derive(Debug, Clone)]
struct Said(String);

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let status = self.status();
        if status.is_server_error() {
            let mut why = String::new();
            let mut source = self.source();
            while let Some(error) = source {
                why = format!("{why}: {error}");
                source = error.source();
            }
            error!(why, "{self}");
        }
        let said = self.to_string();
        let mut response = (status, said.clone()).into_response();
        response.extensions_mut().insert(Said(said));
        response
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    frame: Frame,
    status: StatusCode,
    said: String,
}

/// Dresses an error as a page with the navigation around it.
pub fn error_page(mut response: Response, visit: &Visit) -> Response {
    let Some(Said(said)) = response.extensions_mut().remove::<Said>() else {
        return response;
    };
    let status = response.status();
    let page = ErrorPage {
        frame: Frame::new(visit.clone()),
        status,
        said,
    };
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(_) => response,
    }
}
