//! Puts the process together, runs it, and takes it down in order.

use std::{sync::Arc, time::Duration};

use apalis::prelude::MonitorError;
use metrics_exporter_prometheus::PrometheusHandle;
use protocol::{InvalidSecretKey, RelayUrl, SearchRules, SigningKey, search::InvalidSearchRules};
use pubsub::{Copies, Keys, LatestEvents, Listeners, ProcessId, Publisher, RulingsKeys, Upkeep};
use queue::{Producer, Queue};
use runtime::{
    clock::{self, Clock},
    config::{self, Config},
    figures::Figures,
    health,
    redis::{self, RedisClient, RedisError},
    shutdown::Shutdown,
};
use store::{Invite, Store, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use crate::{
    announcer::Announcer,
    batcher::{Batcher, Committer},
    context::{Context, Inner},
    jsonl::{self, ExportError, ExportOptions, ImportError, ImportOptions},
    latest::Latest,
    levels,
    membership::{self, Membership},
    metrics, registry,
    rulings::RulingsInForce,
    schedule,
    sets::{SetLimits, Sets},
    vanish::dead_letters::Searched,
    write_policy::WritePolicy,
};

/// Why the process cannot work.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Redis is away.
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// Postgres is away, or the schema could not be brought up to date.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// `[search]` asks for what cannot be.
    #[error("the settings of search")]
    Search(#[from] InvalidSearchRules),
    /// The health pages cannot be served.
    #[error("could not serve the health pages")]
    Health(#[source] std::io::Error),
    /// The configured key of the relay is none.
    #[error("relay.secret_key")]
    OwnKey(#[from] InvalidSecretKey),
    /// An import ended before its input did.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// An export is not complete.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// A worker failed.
    #[error("the workers ended")]
    Workers(#[from] MonitorError),
}

/// How often the queues and the window of newest events are measured.
const MEASURE_EVERY: Duration = Duration::from_secs(5);

/// Brings the schema up to date.
pub async fn migrate(config: &Config) -> Result<(), RunError> {
    connect_store(config).await?.migrate().await?;
    info!("the schema is up to date");
    Ok(())
}

/// Makes an invitation (NIP-43) for so many newcomers and days: its code.
pub async fn invite(config: &Config, uses: u32, days: u32) -> Result<String, RunError> {
    let code = membership::new_code();
    let invite = Invite {
        code: &code,
        by: None,
        uses,
        days,
    };
    connect_store(config).await?.invite(invite, u32::MAX).await?;
    Ok(code)
}

/// Stores the events that stand on standard input, one JSON object a line.
pub async fn import(config: Config, options: ImportOptions) -> Result<(), RunError> {
    let store = connect_store(&config).await?;
    Ok(jsonl::import(store, config, options).await?)
}

/// Writes stored events to standard output, one JSON object a line.
pub async fn export(config: &Config, options: ExportOptions) -> Result<(), RunError> {
    Ok(jsonl::export(connect_store(config).await?, options).await?)
}

/// Runs until `shutdown`.
pub async fn run(config: Config, prometheus: PrometheusHandle, shutdown: Shutdown) -> Result<(), RunError> {
    metrics::describe();
    let process = ProcessId::random();
    let listen = config.health.worker_listen.clone();
    let jobs = redis::connect(config.redis.jobs(), "worker").await?;
    let cx = context(config, jobs.clone(), &shutdown).await?;
    let ready = readiness(cx.store.clone(), jobs);
    let pages = health::serve(
        &listen,
        health::router(ready, prometheus.clone()),
        shutdown.hard.clone(),
    );
    pages.await.map_err(RunError::Health)?;
    schedule::start(&cx.producer, &shutdown.soft);
    tokio::spawn(measure(cx.clone(), shutdown.hard.clone()));
    let (store, publisher) = (cx.store.clone(), cx.publisher.clone());
    tokio::spawn(levels::pass_on(store, publisher, shutdown.soft.clone()));

    let figures = Figures {
        client: cx.data.clone(),
        namespace: cx.config.redis.namespace.clone(),
        metrics: prometheus,
        kept: metrics::KEPT,
    };
    let latest = cx.announcer.latest.clone();
    let monitor = registry::monitor(cx, process, shutdown.soft.clone()).await?;
    let reporting = figures.report(process.as_str(), "worker");
    info!(%process, "the workers are running");
    let (soft, hard) = (shutdown.soft.clone(), shutdown.hard.clone());
    let worked = monitor.run_with_signal(async move {
        soft.cancelled().await;
        Ok(())
    });
    tokio::select! {
        worked = worked => worked?,
        () = hard.cancelled() => info!("leaving what is running to other workers"),
    }
    shutdown.hard.cancel();
    tokio::join!(latest.end(), reporting.end());
    Ok(())
}

async fn connect_store(config: &Config) -> Result<Store, StoreError> {
    let postgres = &config.postgres;
    Store::connect(
        postgres.url.expose(),
        postgres.max_connections,
        postgres.statement_timeout(),
    )
    .await
}

async fn with_search(store: Store, search: &config::Search) -> Result<Store, RunError> {
    let rules = SearchRules::new(search.searchable_kinds(), &search.languages)?;
    let store = store.with_search(rules, search.max_ranked, search.timeout());
    if store.adopt_search_rules().await? {
        info!("all events are made searchable by new rules, which takes a while");
    }
    Ok(store)
}

async fn context(config: Config, jobs: RedisClient, shutdown: &Shutdown) -> Result<Context, RunError> {
    let keys = Keys::new(config.redis.namespace.clone());
    let publishing = redis::connect(config.redis.pubsub(), "worker").await?;
    let data = redis::connect(config.redis.data(), "worker").await?;
    let store = connect_store(&config)
        .await?
        .with_delegation(config.policy.delegation)
        .with_window(config.worker.window_bytes);
    let store = with_search(store, &config.search).await?;
    let announcer = Announcer {
        publisher: Publisher::new(publishing.clone(), keys.clone()),
        listeners: listeners(&config, publishing, shutdown),
        latest: Latest::start(
            LatestEvents::new(data.clone(), keys.clone()),
            config.policy.delegation,
            shutdown.hard.clone(),
        ),
    };
    let committer = Committer {
        store: store.clone(),
        announcer: announcer.clone(),
        batch_max: config.worker.batch_max,
    };
    let rulings = RulingsKeys::new(data.clone(), keys.clone());
    let rulings = RulingsInForce::load(store.clone(), rulings, &config.policy).await?;
    tokio::spawn(rulings.clone().watch(shutdown.hard.clone()));
    Ok(Context::new(Inner {
        sets: Sets::new(store.clone(), set_limits(&config)),
        store,
        rulings,
        batcher: Batcher::start(committer),
        membership: membership(&config)?,
        write_policy: WritePolicy::start(&config.write_policy, &shutdown.hard),
        publisher: announcer.publisher.clone(),
        announcer,
        searched: Searched::default(),
        upkeep: Upkeep::new(data.clone(), keys.clone()),
        data,
        producer: Producer::new(jobs, keys.namespace()),
        clock: Clock::System,
        urls: RelayUrl::parse_all(&config.relay.urls),
        config,
    }))
}

fn membership(config: &Config) -> Result<Option<Membership>, InvalidSecretKey> {
    if !config.membership.enabled {
        return Ok(None);
    }
    let key: SigningKey = config.relay.secret_key.expose().parse()?;
    Ok(Some(Membership::new(key)))
}

fn set_limits(config: &Config) -> SetLimits {
    SetLimits {
        bytes: config.worker.negentropy_bytes,
        records: config.limits.max_reconciled_events,
        patience: Duration::from_secs(config.websocket.negentropy_deadline_s.into()),
        idle: Duration::from_secs(config.websocket.negentropy_idle_timeout_s.into()),
    }
}

fn listeners(config: &Config, client: RedisClient, shutdown: &Shutdown) -> Listeners {
    let copies = match config.plugins.copies {
        config::Copies::Auto => Copies::WhenHeard,
        config::Copies::Always => Copies::Always,
        config::Copies::Never => Copies::Never,
    };
    let listeners = Listeners::new(copies);
    if copies == Copies::WhenHeard {
        tokio::spawn(listeners.clone().watch(client, shutdown.hard.clone()));
    }
    listeners
}

fn readiness(store: Store, client: RedisClient) -> health::Check {
    Arc::new(move || {
        let (store, client) = (store.clone(), client.clone());
        Box::pin(async move {
            redis::ping(&client).await.map_err(|error| error.to_string())?;
            store.ping().await.map_err(|error| error.to_string())
        })
    })
}

async fn measure(cx: Context, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(MEASURE_EVERY);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        metrics::window(cx.store.window_stats());
        metrics::sets(cx.sets.forget_idle());
        for queue in Queue::ALL {
            match cx.producer.depth(queue).await {
                Ok(depth) => metrics::depth(queue, &depth, clock::unix_millis()),
                Err(error) => debug!(%error, "could not measure a queue"),
            }
        }
    }
}
