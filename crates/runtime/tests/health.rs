//! What the health pages answer, and that they are served until the end.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use metrics_exporter_prometheus::PrometheusBuilder;
use runtime::health::{Check, router};
use tower::ServiceExt;

/// Pages of a process that is ready while the flag is up.
fn pages(ready: &Arc<AtomicBool>) -> Router {
    let ready = Arc::clone(ready);
    let check: Check = Arc::new(move || {
        let ready = ready.load(Ordering::Relaxed);
        Box::pin(async move {
            ready
                .then_some(())
                .ok_or_else(|| "Redis does not answer".to_owned())
        })
    });
    router(check, PrometheusBuilder::new().build_recorder().handle())
}

async fn get(pages: &Router, path: &str) -> (StatusCode, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let answer = pages.clone().oneshot(request).await.unwrap();
    let status = answer.status();
    let body = to_bytes(answer.into_body(), 4096).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_process_that_misses_something_lives_but_is_not_ready() {
    let ready = Arc::new(AtomicBool::new(false));
    let pages = pages(&ready);
    assert_eq!(get(&pages, "/health/live").await.0, StatusCode::OK);
    let (status, missing) = get(&pages, "/health/ready").await;
    assert_eq!(
        (status, missing.trim()),
        (StatusCode::SERVICE_UNAVAILABLE, "Redis does not answer")
    );
    ready.store(true, Ordering::Relaxed);
    assert_eq!(get(&pages, "/health/ready").await.0, StatusCode::OK);
    assert_eq!(get(&pages, "/metrics").await.0, StatusCode::OK);
}
