//! The management API ([NIP-86](https://nips.nostr.com/86)): `POST` on the relay's own URL. Who calls is checked here by NIP-98; a worker
//! knows the operators, does it, and answers.

use std::{sync::Arc, time::Duration};

use ahash::AHashMap;
use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, Response, StatusCode, header},
    response::IntoResponse,
};
use parking_lot::Mutex;
use protocol::{HTTP_AUTH_WINDOW, PublicKey, SignedRequest};
use pubsub::ConnectionId;
use queue::jobs::{ManagementCall, Version};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tracing::{debug, warn};

use crate::relay::Relay;

/// The type of calls and answers.
pub const CONTENT_TYPE: &str = "application/nostr+json+rpc";

/// Bytes of a call at most.
const LONGEST: usize = 64 * 1024;

/// How long a worker may take.
const DEADLINE: Duration = Duration::from_secs(15);

/// Calls that wait at the same time.
const AT_A_TIME: usize = 64;

/// The calls that wait for a worker.
#[derive(Debug, Default)]
pub struct WaitingCalls(Mutex<AHashMap<ConnectionId, oneshot::Sender<Answer>>>);

/// What a worker answered: status and body.
type Answer = (u16, String);

impl WaitingCalls {
    /// A worker answered. Who waits no more is not told.
    pub fn answer(&self, request: ConnectionId, status: u16, body: String) {
        if let Some(waiting) = self.0.lock().remove(&request) {
            let _gone = waiting.send((status, body));
        }
    }

    fn wait(&self, request: ConnectionId) -> Option<oneshot::Receiver<Answer>> {
        let (answer, waiting) = oneshot::channel();
        let mut calls = self.0.lock();
        if calls.len() >= AT_A_TIME {
            return None;
        }
        calls.insert(request, answer);
        Some(waiting)
    }
}

#[derive(Deserialize)]
struct Call {
    method: String,
    #[serde(default)]
    params: Vec<Value>,
}

/// Answers a call.
pub async fn call(relay: &Arc<Relay>, headers: &HeaderMap, body: Body) -> Response<Body> {
    let Ok(body) = to_bytes(body, LONGEST).await else {
        return error(StatusCode::PAYLOAD_TOO_LARGE, "a call has at most 64 kB");
    };
    let caller = match caller(relay, headers, &body).await {
        Ok(caller) => caller,
        Err(refused) => return refused,
    };
    let Ok(Call { method, params }) = serde_json::from_slice(&body) else {
        return error(
            StatusCode::BAD_REQUEST,
            "a call is {\"method\":\"…\",\"params\":[…]}",
        );
    };
    let request = ConnectionId::random(relay.process);
    let Some(waiting) = relay.calls.wait(request) else {
        return error(StatusCode::TOO_MANY_REQUESTS, "too many calls at a time");
    };
    let job = ManagementCall {
        v: Version,
        request: request.as_str().to_owned(),
        pubkey: caller,
        method,
        params,
    };
    let answer = match relay.intake.push(&job).await {
        Ok(()) => tokio::time::timeout(DEADLINE, waiting)
            .await
            .ok()
            .and_then(Result::ok),
        Err(error) => {
            warn!(%error, "could not enqueue a management call");
            None
        }
    };
    relay.calls.0.lock().remove(&request);
    match answer {
        Some((status, body)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, [(header::CONTENT_TYPE, CONTENT_TYPE)], body).into_response()
        }
        None => error(
            StatusCode::SERVICE_UNAVAILABLE,
            "the relay did not answer in time",
        ),
    }
}

/// The key that signed this request, for the first time.
async fn caller(relay: &Relay, headers: &HeaderMap, body: &[u8]) -> Result<PublicKey, Response<Body>> {
    let refuse = |text: &str| error(StatusCode::UNAUTHORIZED, text);
    let urls = urls(&relay.config.relay.urls, text(headers, header::HOST.as_str()));
    let signed = SignedRequest {
        authorization: text(headers, header::AUTHORIZATION.as_str()),
        urls: &urls,
        method: "POST",
        body: Some(body),
        now: runtime::clock::unix_millis() / 1000,
    };
    // A signature is checked last, and costs 40 µs: not worth a thread of its own for what operators do.
    let event = signed.verify().map_err(|error| refuse(&error.to_string()))?;
    let id = event.id().to_string();
    match relay.rulings.keys.use_http_auth(&id, 2 * HTTP_AUTH_WINDOW).await {
        Ok(true) => Ok(event.pubkey),
        Ok(false) => Err(refuse("this event was used already")),
        Err(failed) => {
            debug!(error = %failed, "could not note a used event");
            Err(error(
                StatusCode::SERVICE_UNAVAILABLE,
                "the relay cannot check this now",
            ))
        }
    }
}

/// What the `u` tag may say: our own URLs or, with none configured, what was asked for. A proxy may add TLS, and clients write
/// the scheme of the websocket or that of HTTP.
fn urls(configured: &[String], host: &str) -> Vec<String> {
    let of = |rest: &str| ["https", "wss", "http", "ws"].map(|scheme| format!("{scheme}://{rest}"));
    if configured.is_empty() {
        return of(host).into();
    }
    let rests = configured.iter().filter_map(|url| url.split_once("://"));
    rests.flat_map(|(_, rest)| of(rest)).collect()
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn error(status: StatusCode, text: &str) -> Response<Body> {
    let body = json!({ "error": text }).to_string();
    (status, [(header::CONTENT_TYPE, CONTENT_TYPE)], body).into_response()
}
