//! Who is signed in: a cookie with 256 random bits, whose hash Postgres knows.

use axum::{
    extract::{ConnectInfo, FromRequestParts, Request, State},
    http::{HeaderMap, Method, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use runtime::peer::client_address;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use store::{NewSession, SessionOperator};

use super::Token;
use crate::{
    App,
    web::{Cookie, Flash, PageError, Theme, Visit, error_page, local_path, read_cookie},
};

const SESSION: &str = "switchyard_session";

/// Of browsers where nobody is signed in: their forms need a CSRF token too.
const VISITOR: &str = "switchyard_visitor";

/// Looks who asks, and puts a [`Visit`] into the request.
pub async fn load(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let peer = request
        .extensions()
        .get::<ConnectInfo<SocketAddr>>()
        .map(|info| info.0.ip());
    let known = recognize(&app, request.headers()).await;
    let (operator, token, is_new) = match known {
        Ok(known) => known,
        Err(error) => return error.into_response(),
    };
    let headers = request.headers();
    let visit = Visit {
        session: operator.is_some().then(|| token.hash()),
        operator,
        csrf: token.csrf(),
        flash: Flash::read(headers),
        theme: Theme::read(headers),
        path: request
            .uri()
            .path_and_query()
            .map_or("/", |path| path.as_str())
            .to_owned(),
        address: client_address(
            peer.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            headers,
            &app.config.websocket,
        ),
        user_agent: text(headers, header::USER_AGENT.as_str())
            .chars()
            .take(200)
            .collect(),
        origin: origin(&app, headers),
        relay: app.config.relay.name.clone(),
    };
    request.extensions_mut().insert(visit.clone());
    let response = next.run(request).await;
    let shown = !response.status().is_redirection();
    let mut response = error_page(response, &visit);
    if shown && visit.flash.is_some() {
        Flash::forget(response.headers_mut());
    }
    if is_new {
        cookie(VISITOR, token.expose(), None, &visit).set(response.headers_mut());
    }
    response
}

/// Lets nobody in who is not signed in. They come back after signing in.
pub async fn require(request: Request, next: Next) -> Response {
    let visit = request.extensions().get::<Visit>();
    if visit.is_some_and(|visit| visit.operator.is_some()) {
        return next.run(request).await;
    }
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    if request.method() != Method::GET || path == "/" {
        return Redirect::to("/sign-in").into_response();
    }
    let path: String = local_path(path)
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect();
    Redirect::to(&format!("/sign-in?next={path}")).into_response()
}

/// Signs an operator in: a new session, so that whoever knew an older cookie of this browser knows nothing.
pub async fn begin(
    app: &App,
    visit: &Visit,
    operator: i64,
    mut response: Response,
) -> Result<Response, PageError> {
    if let Some(old) = &visit.session {
        app.store.end_session(old).await?;
    }
    let token = Token::random();
    app.store
        .begin_session(NewSession {
            operator,
            token_hash: &token.hash(),
            address: &visit.address.to_string(),
            user_agent: &visit.user_agent,
            idle: app.config.admin.session_idle(),
        })
        .await?;
    let lifetime = app.config.admin.session_lifetime_s.into();
    cookie(SESSION, token.expose(), Some(lifetime), visit).set(response.headers_mut());
    cookie(VISITOR, "", Some(0), visit).set(response.headers_mut());
    Ok(response)
}

/// Removes the cookie of a session that has ended.
pub fn forget(response: &mut Response, visit: &Visit) {
    cookie(SESSION, "", Some(0), visit).set(response.headers_mut());
}

fn cookie<'a>(name: &'static str, value: &'a str, max_age: Option<u64>, visit: &Visit) -> Cookie<'a> {
    Cookie {
        name,
        value,
        max_age,
        secure: visit.is_secure(),
    }
}

/// The operator, the token that stands for this browser, and whether it is new to it.
async fn recognize(
    app: &App,
    headers: &HeaderMap,
) -> Result<(Option<SessionOperator>, Token, bool), PageError> {
    if let Some(token) = read_cookie(headers, SESSION).and_then(Token::read) {
        let admin = &app.config.admin;
        let found = app
            .store
            .session_operator(&token.hash(), admin.session_idle(), admin.session_lifetime())
            .await?;
        if let Some(operator) = found {
            return Ok((Some(operator), token, false));
        }
    }
    Ok(match read_cookie(headers, VISITOR).and_then(Token::read) {
        Some(token) => (None, token, false),
        None => (None, Token::random(), true),
    })
}

/// `admin.url`, or what the browser asked for.
fn origin(app: &App, headers: &HeaderMap) -> String {
    let url = app.config.admin.url.trim_end_matches('/');
    if url.is_empty() {
        format!("http://{}", text(headers, header::HOST.as_str()))
    } else {
        url.to_owned()
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// The operator who is signed in, for handlers that note who did something.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Who.
    pub operator: SessionOperator,
    /// sha256 of the session's cookie.
    pub session: [u8; 32],
}

impl<S: Sync> FromRequestParts<S> for SignedIn {
    type Rejection = Redirect;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Redirect> {
        let visit = parts.extensions.get::<Visit>();
        let signed_in = visit.and_then(|visit| Some((visit.operator.clone()?, visit.session?)));
        let (operator, session) = signed_in.ok_or_else(|| Redirect::to("/sign-in"))?;
        Ok(Self { operator, session })
    }
}
