//! Signing in with a Nostr key: a NIP-98 event, made by a NIP-07 extension.

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use protocol::{HTTP_AUTH_WINDOW, SignedRequest};
use pubsub::RulingsKeys;
use serde::Deserialize;
use serde_json::json;

use crate::{
    App,
    operator::{Throttle, session},
    web::{Frame, PageError, Posted, local_path},
};

const PATH: &str = "/sign-in/key";

pub fn routes() -> Router<App> {
    Router::new().route(PATH, post(sign_in))
}

#[derive(Deserialize)]
struct Form {
    next: String,
}

/// Answers a script: `{"next":"/"}` or `{"problem":"…"}`.
async fn sign_in(
    State(app): State<App>,
    frame: Frame,
    headers: HeaderMap,
    Posted(form): Posted<Form>,
) -> Result<Response, PageError> {
    let throttle = Throttle::new(&app, frame.address, None);
    throttle.attempt().await?;
    let authorization = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let signed = SignedRequest {
        authorization: authorization.unwrap_or_default(),
        urls: &[format!("{}{PATH}", frame.origin)],
        method: "POST",
        // The CSRF token in the body is this browser's alone, so nobody can send the event with another body.
        body: None,
        now: runtime::clock::unix_millis() / 1000,
    };
    let event = match signed.verify() {
        Ok(event) => event,
        Err(error) => return Ok(refused(&error.to_string())),
    };
    let used = RulingsKeys::new(app.data.clone(), app.keys.clone());
    if !used
        .use_http_auth(&event.id().to_string(), 2 * HTTP_AUTH_WINDOW)
        .await?
    {
        return Ok(refused("This event was used already."));
    }
    let Some((operator, _)) = app.store.operator_by_key(event.pubkey).await? else {
        return Ok(refused("This key is no operator's."));
    };
    throttle.forget().await?;
    let next = json!({ "next": local_path(&form.next) });
    session::begin(&app, &frame, operator, Json(next).into_response()).await
}

fn refused(problem: &str) -> Response {
    (StatusCode::UNAUTHORIZED, Json(json!({ "problem": problem }))).into_response()
}
