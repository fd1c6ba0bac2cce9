//! `GET /`: a websocket for clients, the NIP-11 document for who asks for it, a page for browsers.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, State},
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
    response::{Html, IntoResponse},
    routing::get,
};
use runtime::peer::client_address;
use yawc::{IncomingUpgrade, Options};

use crate::{
    admission::{Visitor, admit},
    relay::Relay,
    relay_info::{self, InfoError},
    socket,
};

/// What every request needs.
#[derive(Clone)]
struct Door {
    relay: Arc<Relay>,
    options: Options,
    info: Arc<str>,
    page: Arc<str>,
}

const CORS: [(HeaderName, HeaderValue); 3] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    (
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("*"),
    ),
    (
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, OPTIONS"),
    ),
];

/// The one endpoint.
pub fn router(relay: Arc<Relay>) -> Result<Router, InfoError> {
    let info = relay_info::document(&relay.config)?.into();
    let page = page(&relay.config.relay.name, &relay.config.relay.description).into();
    let options = socket::options(&relay.config);
    Ok(Router::new()
        .route("/", get(open).options(async || (StatusCode::NO_CONTENT, CORS)))
        .with_state(Door {
            relay,
            options,
            info,
            page,
        }))
}

async fn open(
    State(door): State<Door>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    upgrade: Result<IncomingUpgrade, StatusCode>,
) -> Response<Body> {
    let Ok(upgrade) = upgrade else {
        return door.read(&headers);
    };
    let (response, socket) = match upgrade.upgrade(door.options) {
        Ok(upgraded) => upgraded,
        Err(_) => return StatusCode::BAD_REQUEST.into_response(),
    };
    let visitor = Visitor {
        address: client_address(peer.ip(), &headers, &door.relay.config.websocket.trusted_proxies),
        host: headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok())
            .map(str::to_owned),
    };
    tokio::spawn(admit(door.relay, visitor, socket));
    response.map(Body::new)
}

impl Door {
    fn read(&self, headers: &HeaderMap) -> Response<Body> {
        let accepts = headers
            .get(header::ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .unwrap_or_default();
        if accepts.contains("application/nostr+json") {
            let content_type = [(header::CONTENT_TYPE, "application/nostr+json")];
            return (CORS, content_type, self.info.to_string()).into_response();
        }
        let policy = [(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'",
        )];
        (CORS, policy, Html(self.page.to_string())).into_response()
    }
}

/// For people who came with a browser.
fn page(name: &str, description: &str) -> String {
    let (name, description) = (escaped(name), escaped(description));
    format!(
        r#"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1.1rem/1.6 system-ui, sans-serif; max-width: 34rem; margin: 15vh auto; padding: 0 1.5rem }}
code {{ background: color-mix(in srgb, currentColor 10%, transparent); padding: .15em .4em; border-radius: .3em }}
</style>
<h1>{name}</h1>
<p>{description}</p>
<p>This is a <a href="https://nostr.com">Nostr</a> relay. Add its address to your client, starting with <code>wss://</code>
or <code>ws://</code> instead of <code>https://</code> or <code>http://</code>.</p>
</html>
"#
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
