//! `GET /`: a websocket for clients, the NIP-11 document for who asks for it, a page for browsers.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{FromRef, State},
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Uri, header},
    response::{Html, IntoResponse},
    routing::get,
};
use protocol::{InvalidSecretKey, PublicKey, SigningKey};
use yawc::{IncomingUpgrade, Options};

use crate::{
    admission::{Visitor, admit},
    arrival::Arrival,
    management, names,
    relay::Relay,
    relay_info, socket,
};

/// What every request needs.
#[derive(Clone)]
struct Door {
    relay: Arc<Relay>,
    options: Options,
    own_key: Option<PublicKey>,
}

pub(crate) const CORS: [(HeaderName, HeaderValue); 3] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    (
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        // For browsers the star does not cover Authorization.
        HeaderValue::from_static("*, Authorization"),
    ),
    (
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST, OPTIONS"),
    ),
];

/// A browser gets a page where a client gets the document.
const VARY: [(HeaderName, HeaderValue); 1] = [(header::VARY, HeaderValue::from_static("accept"))];

/// The one endpoint.
pub fn router(relay: Arc<Relay>) -> Result<Router, InvalidSecretKey> {
    let own_key = relay.config.relay.secret_key.as_option();
    let own_key = own_key.map(str::parse::<SigningKey>).transpose()?;
    let options = socket::options(&relay.config);
    let names = Router::new()
        .route("/.well-known/nostr.json", get(names::answer))
        .with_state(Arc::clone(&relay));
    let at_home = get(open)
        .post(manage)
        .options(async |_: Arrival| (StatusCode::NO_CONTENT, CORS));
    let door = Door {
        relay,
        options,
        own_key: own_key.map(|key| key.public_key()),
    };
    let nothing_here = async |_: Arrival| StatusCode::NOT_FOUND;
    let home = Router::new().route("/", at_home).fallback(nothing_here);
    Ok(home.with_state(door).merge(names))
}

async fn open(
    State(door): State<Door>,
    arrival: Arrival,
    uri: Uri,
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
    let origin = Arc::clone(&arrival.origin);
    let visitor = Visitor {
        arrival,
        host: headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok())
            .map(str::to_owned),
        authorization: authorization(&uri),
    };
    tokio::spawn(origin.charged(admit(door.relay, visitor, socket)));
    response.map(Body::new)
}

/// `?authorization=…`, decoded.
fn authorization(uri: &Uri) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(uri.query()?.as_bytes());
    let (_, value) = pairs.find(|(name, _)| name == "authorization")?;
    Some(value.into_owned())
}

async fn manage(
    State(door): State<Door>,
    _arrival: Arrival,
    headers: HeaderMap,
    body: Body,
) -> Response<Body> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with(management::CONTENT_TYPE)) {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, CORS).into_response();
    }
    (CORS, management::call(&door.relay, &headers, body).await).into_response()
}

/// The document, unless the client has it already.
fn inform(info: String, headers: &HeaderMap) -> Response<Body> {
    let etag = relay_info::etag(&info);
    let known = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut known = known
        .filter_map(|tags| tags.to_str().ok())
        .flat_map(|tags| tags.split(','));
    let is_known = |tag: &str| {
        let tag = tag.trim();
        tag == "*" || etag == tag.strip_prefix("W/").unwrap_or(tag)
    };
    let is_known = known.any(is_known);
    let about = [
        (header::ETAG, etag),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    if is_known {
        return (StatusCode::NOT_MODIFIED, CORS, VARY, about).into_response();
    }
    let content_type = [(header::CONTENT_TYPE, "application/nostr+json")];
    (CORS, VARY, about, content_type, info).into_response()
}

impl FromRef<Door> for Arc<Relay> {
    fn from_ref(door: &Door) -> Self {
        Arc::clone(&door.relay)
    }
}

impl Door {
    fn read(&self, headers: &HeaderMap) -> Response<Body> {
        let (config, rulings) = (&self.relay.config, self.relay.rulings.current());
        let accepts = headers
            .get(header::ACCEPT)
            .and_then(|accept| accept.to_str().ok())
            .unwrap_or_default();
        if accepts.contains("application/nostr+json") {
            return match relay_info::document(config, self.own_key, &rulings) {
                Ok(info) => inform(info, headers),
                Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            };
        }
        let policy = [(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'",
        )];
        let name = rulings.name.as_deref().unwrap_or(&config.relay.name);
        let description = rulings
            .description
            .as_deref()
            .unwrap_or(&config.relay.description);
        (CORS, VARY, policy, Html(page(name, description))).into_response()
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
