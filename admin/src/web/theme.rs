//! Light or dark: as the system is, or as the operator chose.

use axum::{
    Router,
    http::HeaderMap,
    response::{IntoResponse, Redirect, Response},
    routing::post,
};
use serde::Deserialize;

use super::{Cookie, Posted, local_path, read_cookie};
use crate::App;

const COOKIE: &str = "switchyard_theme";
const A_YEAR: u64 = 31_536_000;

/// A choice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Theme {
    /// As the system is.
    #[default]
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// What the browser brought.
    pub fn read(headers: &HeaderMap) -> Self {
        Self::parse(read_cookie(headers, COOKIE).unwrap_or_default())
    }

    /// As it stands in the cookie and in `data-theme`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// What the button offers.
    pub const fn next(self) -> Self {
        match self {
            Self::Auto => Self::Light,
            Self::Light => Self::Dark,
            Self::Dark => Self::Auto,
        }
    }

    fn parse(text: &str) -> Self {
        match text {
            "light" => Self::Light,
            "dark" => Self::Dark,
            _ => Self::Auto,
        }
    }
}

#[derive(Deserialize)]
struct Choice {
    theme: String,
    back: String,
}

/// `POST /theme`.
pub fn routes() -> Router<App> {
    Router::new().route("/theme", post(choose))
}

async fn choose(Posted(choice): Posted<Choice>) -> Response {
    let mut response = Redirect::to(local_path(&choice.back)).into_response();
    Cookie {
        name: COOKIE,
        value: Theme::parse(&choice.theme).as_str(),
        max_age: Some(A_YEAR),
        secure: false,
    }
    .set(response.headers_mut());
    response
}
