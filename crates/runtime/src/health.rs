//! `/health/live`: the process lives. `/health/ready`: it can do its work. `/metrics`: for Prometheus. They have an address
//! of their own, which is not public by default: metrics tell how busy a relay is.

use std::{future::Future, pin::Pin, sync::Arc};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What a process needs to do its work: answers with what is missing.
pub type Check = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

#[derive(Clone)]
struct Health {
    check: Check,
    metrics: PrometheusHandle,
}

/// The three pages.
pub fn router(check: Check, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/health/live", get(|| async { "live\n" }))
        .route("/health/ready", get(ready))
        .route(
            "/metrics",
            get(async |State(health): State<Health>| health.metrics.render()),
        )
        .with_state(Health { check, metrics })
}

async fn ready(State(health): State<Health>) -> (StatusCode, String) {
    match (health.check)().await {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(missing) => (StatusCode::SERVICE_UNAVAILABLE, format!("{missing}\n")),
    }
}

/// Serves the pages on `listen` until `stop`; an empty `listen` serves none.
pub async fn serve(listen: &str, router: Router, stop: CancellationToken) -> std::io::Result<()> {
    if listen.is_empty() {
        return Ok(());
    }
    let listener = TcpListener::bind(listen).await?;
    tokio::spawn(async move {
        let served = axum::serve(listener, router)
            .with_graceful_shutdown(stop.cancelled_owned())
            .await;
        if let Err(error) = served {
            tracing::error!(%error, "the health pages ended");
        }
    });
    Ok(())
}
