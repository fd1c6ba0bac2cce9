//! `admin`: the operator's web app. For now it tells of its health and its metrics.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use runtime::{
    config::Config,
    health::{self, Check},
    redis::{self, RedisClient},
    shutdown::Shutdown,
    telemetry,
};
use store::Store;
use tokio::net::TcpListener;
use tracing::info;

/// How long a page may take after the first signal to end.
const DRAIN: Duration = Duration::from_secs(5);

/// Connections to Postgres: operators are few.
const CONNECTIONS: u32 = 4;

fn main() -> anyhow::Result<()> {
    let config = Config::load().context("configuration")?;
    let telemetry = telemetry::init("admin", &config.telemetry).context("telemetry")?;
    let runtime = tokio::runtime::Runtime::new().context("runtime")?;
    runtime.block_on(async {
        let shutdown = Shutdown::on_signals(DRAIN).context("signals")?;
        let data = redis::connect(config.redis.data(), "admin")
            .await
            .context("Redis")?;
        let postgres = &config.postgres;
        let store = Store::connect(postgres.url.expose(), CONNECTIONS, postgres.statement_timeout())
            .await
            .context("Postgres")?;
        let listener = TcpListener::bind(&config.admin.listen)
            .await
            .context("admin.listen")?;
        info!(address = %listener.local_addr()?, "admin is listening");
        let pages = health::router(readiness(store, data), telemetry.metrics.clone());
        let served = axum::serve(listener, pages).with_graceful_shutdown(shutdown.soft.cancelled_owned());
        tokio::select! {
            served = served => served.context("admin"),
            () = shutdown.hard.cancelled() => Ok(()),
        }
    })
}

fn readiness(store: Store, client: RedisClient) -> Check {
    Arc::new(move || {
        let (store, client) = (store.clone(), client.clone());
        Box::pin(async move {
            redis::ping(&client).await.map_err(|error| error.to_string())?;
            store.ping().await.map_err(|error| error.to_string())
        })
    })
}
