//! Puts the process together and runs it.

use std::{net::SocketAddr, sync::Arc};

use pubsub::{Desk, Keys, Publisher};
use queue::Producer;
use runtime::{
    config::Config,
    health::{self, Check},
    redis::{self, RedisClient, RedisError},
    shutdown::Shutdown,
    telemetry::PrometheusHandle,
};
use store::{Store, StoreError};
use tokio::net::TcpListener;
use tracing::info;

use crate::{
    app::{App, Parts},
    operator::print_set_up_link,
    router,
};

/// Connections to Postgres: operators are few.
const CONNECTIONS: u32 = 5;

/// Why the process cannot work.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Redis is away.
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// Postgres is away.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// `admin.listen` is no address, or taken.
    #[error("could not listen on {address}")]
    Listen {
        /// `admin.listen`.
        address: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The server ended.
    #[error("the pages ended")]
    Served(#[source] std::io::Error),
}

/// Runs until `shutdown`.
pub async fn serve(config: Config, metrics: PrometheusHandle, shutdown: Shutdown) -> Result<(), ServeError> {
    let address = config.admin.listen.clone();
    let app = connect(config).await?;
    let listen = |source| ServeError::Listen {
        address: address.clone(),
        source,
    };
    let listener = TcpListener::bind(&address).await.map_err(listen)?;
    info!(address = %listener.local_addr().map_err(listen)?, "admin is listening");
    print_set_up_link(&app).await;
    let ready = readiness(app.store.clone(), app.data.clone());
    let pages = router(app).merge(health::router(ready, metrics));
    let served = axum::serve(
        listener,
        pages.into_make_service_with_connect_info::<SocketAddr>(),
    )
    .with_graceful_shutdown(shutdown.soft.cancelled_owned());
    tokio::select! {
        served = served => served.map_err(ServeError::Served),
        () = shutdown.hard.cancelled() => Ok(()),
    }
}

async fn connect(config: Config) -> Result<App, ServeError> {
    let keys = Keys::new(config.redis.namespace.clone());
    let data = redis::connect(config.redis.data(), "admin").await?;
    let jobs = redis::connect(config.redis.jobs(), "admin").await?;
    let publishing = redis::connect(config.redis.pubsub(), "admin").await?;
    let postgres = &config.postgres;
    let store = Store::connect(postgres.url.expose(), CONNECTIONS, postgres.statement_timeout()).await?;
    Ok(App::new(Parts {
        publisher: Publisher::new(publishing, keys.clone()),
        producer: Producer::new(jobs, keys.namespace()),
        store,
        desk: Desk::new(data.clone(), keys.clone()),
        data,
        keys,
        config,
    }))
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
