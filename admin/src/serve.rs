//! Puts the process together and runs it.

use std::{net::SocketAddr, sync::Arc};

use protocol::{SearchRules, search::InvalidSearchRules};
use pubsub::{Desk, Keys, LatestEvents, ProcessId, Publisher};
use queue::Producer;
use runtime::{
    config::Config,
    figures::{Figures, History},
    health::{self, Check},
    redis::{self, RedisClient, RedisError},
    shutdown::Shutdown,
    telemetry::PrometheusHandle,
};
use store::{Store, StoreError};
use tokio::{net::TcpListener, sync::Semaphore};
use tracing::info;

use crate::{
    app::{App, Parts},
    hour::{KEPT, Keeper, Server},
    operator::print_set_up_link,
    router,
};

/// Connections to Postgres: operators are few.
const CONNECTIONS: u32 = 5;

/// Operators who watch events live at a time.
const VIEWERS: usize = 32;

/// Why the process cannot work.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Redis is away.
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// Postgres is away.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// `[search]` asks for what cannot be.
    #[error("the settings of search")]
    Search(#[from] InvalidSearchRules),
    /// `admin.listen` or `health.admin_listen` is no address, or taken.
    #[error("could not listen on {address}")]
    Listen {
        /// Which one.
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
    let (app, figures) = connect(config, &metrics, &shutdown).await?;
    let listen = |source| ServeError::Listen {
        address: address.clone(),
        source,
    };
    let listener = TcpListener::bind(&address).await.map_err(listen)?;
    info!(address = %listener.local_addr().map_err(listen)?, "admin is listening");
    print_set_up_link(&app).await;
    let health = app.config.health.admin_listen.clone();
    let ready = readiness(app.store.clone(), app.data.clone());
    health::serve(&health, health::router(ready, metrics), shutdown.hard.clone())
        .await
        .map_err(|source| ServeError::Listen {
            address: health,
            source,
        })?;
    let served = axum::serve(
        listener,
        router(app).into_make_service_with_connect_info::<SocketAddr>(),
    )
    .with_graceful_shutdown(shutdown.soft.cancelled_owned());
    let reporting = figures.report(ProcessId::random().as_str(), "admin");
    let served = tokio::select! {
        served = served => served.map_err(ServeError::Served),
        () = shutdown.hard.cancelled() => Ok(()),
    };
    reporting.end().await;
    served
}

async fn connect(
    config: Config,
    metrics: &PrometheusHandle,
    shutdown: &Shutdown,
) -> Result<(App, Figures), ServeError> {
    let keys = Keys::new(config.redis.namespace.clone());
    let data = redis::connect(config.redis.data(), "admin").await?;
    let jobs = redis::connect(config.redis.jobs(), "admin").await?;
    let publishing = redis::connect(config.redis.pubsub(), "admin").await?;
    let postgres = &config.postgres;
    let search = SearchRules::new(config.search.searchable_kinds(), &config.search.languages)?;
    let store = Store::connect(postgres.url.expose(), CONNECTIONS, postgres.statement_timeout())
        .await?
        .with_delegation(config.policy.delegation)
        .with_search(search, config.search.max_ranked, config.search.timeout());
    let keeper = Keeper {
        history: History::new(data.clone(), keys.namespace()),
        store: store.clone(),
        redis: servers(&config, [&jobs, &publishing, &data]),
    };
    let figures = Figures {
        client: data.clone(),
        namespace: keys.namespace().to_owned(),
        metrics: metrics.clone(),
        kept: KEPT,
    };
    let app = App::new(Parts {
        hours: keeper.start(shutdown.hard.clone()),
        latest: LatestEvents::new(data.clone(), keys.clone()),
        viewers: Arc::new(Semaphore::new(VIEWERS)),
        stopping: shutdown.soft.clone(),
        publisher: Publisher::new(publishing, keys.clone()),
        producer: Producer::new(jobs, keys.namespace()),
        store,
        desk: Desk::new(data.clone(), keys.clone()),
        data,
        keys,
        config,
    });
    Ok((app, figures))
}

/// The Redis servers with what they are for; the same URL is the same server.
fn servers(config: &Config, [jobs, pubsub, data]: [&RedisClient; 3]) -> Vec<Server> {
    let redis = &config.redis;
    let mut servers: Vec<(&str, Server)> = Vec::new();
    let uses = [
        ("jobs", redis.jobs(), jobs),
        ("pubsub", redis.pubsub(), pubsub),
        ("data", redis.data(), data),
    ];
    for (name, url, client) in uses {
        match servers.iter_mut().find(|(known, _)| *known == url) {
            Some((_, server)) => server.name = format!("{}+{name}", server.name),
            None => servers.push((
                url,
                Server {
                    name: name.to_owned(),
                    client: client.clone(),
                },
            )),
        }
    }
    let mut servers: Vec<Server> = servers.into_iter().map(|(_, server)| server).collect();
    if let [only] = servers.as_mut_slice() {
        "all".clone_into(&mut only.name);
    }
    servers
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
