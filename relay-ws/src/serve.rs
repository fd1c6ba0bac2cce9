//! Puts the process together, runs it, and takes it down in order.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use fred::{clients::Client, interfaces::HashesInterface};
use metrics_exporter_prometheus::PrometheusHandle;
use protocol::{InvalidSecretKey, PrivateKinds, SearchRules, search::InvalidSearchRules};
use pubsub::{Copies, Keys, Listeners, ProcessId, Publisher, PubsubError, RulingsKeys, Subscriber};
use queue::Producer;
use runtime::{
    config::{self, Config},
    figures::{Figures, Reporting},
    health,
    redis::{self, RedisError},
    shutdown::Shutdown,
};
use tokio::{runtime::Handle, sync::Semaphore, task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    audience::Audiences,
    connections::Connections,
    copies::Copier,
    enqueue::enqueue_events,
    fast_auth::UsedProofs,
    hear,
    intake::Intake,
    levels::Doubts,
    listener,
    management::WaitingCalls,
    metrics,
    origins::Origins,
    outbox::{Close, CloseReason},
    presence::Presence,
    rate_limit::RateLimits,
    recent::{Recent, RecentIds},
    relay::Relay,
    router,
    rulings::{self, RulingsInForce},
    settings::Settings,
    signs_of_life,
    subscriptions::LiveIndex,
    turns::Turns,
    upkeep,
    verifier::{Submissions, Verifier},
};

/// Why the process cannot work.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Redis is away.
    #[error(transparent)]
    Redis(#[from] RedisError),
    /// Its channels cannot be heard.
    #[error(transparent)]
    Pubsub(#[from] PubsubError),
    /// An address cannot be listened on, or a thread not started.
    #[error("could not start")]
    Io(#[from] std::io::Error),
    /// `[search]` asks for what cannot be.
    #[error("the settings of search")]
    Search(#[from] InvalidSearchRules),
    /// The configured key of the relay is none.
    #[error("relay.secret_key")]
    OwnKey(#[from] InvalidSecretKey),
}

/// How long the farewells may take, and the last writes to Redis.
const LAST_WRITES: Duration = Duration::from_secs(3);

/// How often is looked whether every answer has been given, while the process ends.
const LOOK: Duration = Duration::from_millis(20);

/// Runs until `shutdown`.
pub async fn serve(
    config: Config,
    prometheus: PrometheusHandle,
    shutdown: Shutdown,
) -> Result<(), ServeError> {
    metrics::describe();
    let keys = Keys::new(config.redis.namespace.clone());
    let process = ProcessId::random();
    let clients = Clients::connect(&config, &keys, process).await?;
    let listener = listener::bind(&config.websocket.listen).await?;
    let handshake = Duration::from_secs(u64::from(config.websocket.handshake_timeout_s));
    let health_listen = config.health.relay_ws_listen.clone();
    let ready = readiness(clients.jobs.clone());

    let figures = Figures {
        client: clients.data.clone(),
        namespace: keys.namespace().to_owned(),
        metrics: prometheus.clone(),
        kept: metrics::KEPT,
    };
    let (relay, background) = start(config, keys, process, clients, &shutdown).await?;
    let router = router::router(Arc::clone(&relay))?;
    health::serve(
        &health_listen,
        health::router(ready, prometheus),
        shutdown.hard.clone(),
    )
    .await?;
    let reporting = figures.report(process.as_str(), "relay-ws");
    info!(address = %listener.local_addr()?, %process, "relay-ws is listening");
    listener::accept(listener, router, handshake, shutdown.soft.clone()).await;

    drain(&relay, &shutdown).await;
    // The last relay takes the senders with it; then everything that waits is written.
    shutdown.hard.cancel();
    drop(relay);
    background.finish(reporting).await;
    Ok(())
}

/// Connections to Redis, one for each kind of work.
struct Clients {
    jobs: Client,
    data: Client,
    publishing: Client,
    subscriber: Subscriber,
}

impl Clients {
    async fn connect(config: &Config, keys: &Keys, process: ProcessId) -> Result<Self, ServeError> {
        let name = format!("relay-ws:{process}");
        let subscriber = Subscriber::connect(config.redis.pubsub(), keys, process).await?;
        tokio::spawn(redis::keep_alive(subscriber.connection()));
        Ok(Self {
            jobs: redis::connect(config.redis.jobs(), &name).await?,
            data: redis::connect(config.redis.data(), &name).await?,
            publishing: redis::connect(config.redis.pubsub(), &name).await?,
            subscriber,
        })
    }
}

/// What has to be finished after the last connection.
struct Background {
    presence: JoinHandle<()>,
    data: Client,
    keys: Keys,
    process: ProcessId,
}

impl Background {
    async fn finish(self, reporting: Reporting) {
        reporting.end().await;
        if tokio::time::timeout(LAST_WRITES, self.presence).await.is_err() {
            warn!("not everything about our connections could be written");
        }
        let left: Result<(), _> = self.data.hdel(self.keys.processes(), self.process.as_str()).await;
        if let Err(error) = left {
            warn!(%error, "could not sign off");
        }
    }
}

async fn start(
    config: Config,
    keys: Keys,
    process: ProcessId,
    clients: Clients,
    shutdown: &Shutdown,
) -> Result<(Arc<Relay>, Background), ServeError> {
    let Clients {
        jobs,
        data,
        publishing,
        subscriber,
    } = clients;
    let settings = Arc::new(Settings::new(data.clone(), keys.clone()));
    settings.read().await?;
    let rulings = RulingsInForce::new(RulingsKeys::new(data.clone(), keys.clone()), &config.policy);
    rulings.look().await?;
    let (copier, copies) = Copier::new(listeners(&config, &publishing, shutdown));
    let (presence, writer) = Presence::new(data.clone(), keys.clone(), copier.listeners());
    let (intake, accepted) = Intake::new(Producer::new(jobs, keys.namespace()), config.queue.max_depth);
    let (verifier, submissions) = Verifier::new();
    let search = SearchRules::new(config.search.searchable_kinds(), &config.search.languages)?;
    let relay = Arc::new(Relay {
        process,
        private: PrivateKinds::new(config.privacy.direct_messages, config.privacy.gift_wraps),
        connections: Connections::default(),
        live: LiveIndex::new(search),
        published: RecentIds::default(),
        known: RecentIds::default(),
        disowning: Recent::default(),
        used_proofs: UsedProofs::new(data.clone(), keys.clone()),
        doubts: Doubts::default(),
        intake: Arc::new(intake),
        verifier,
        settings,
        rulings,
        calls: WaitingCalls::default(),
        origins: Origins::new(config.per_address.clone()),
        turns: Turns::default(),
        rates: Arc::new(RateLimits::new(&config.rate_limits)),
        presence,
        copier: Arc::new(copier),
        audiences: Audiences::default(),
        publisher: Publisher::new(publishing, keys.clone()),
        large_messages: Semaphore::new(1),
        draining: shutdown.soft.clone(),
        runtime: Handle::current(),
        config,
    });

    let weak = Arc::downgrade(&relay);
    check_signatures(submissions, relay.config.websocket.verify_threads, weak.clone())?;
    tokio::spawn(copies.publish(Arc::downgrade(&relay.copier), relay.publisher.clone()));
    tokio::spawn(enqueue_events(accepted, weak.clone()));
    tokio::spawn(hear::listen(weak, subscriber));
    let presence = tokio::spawn(writer.write_changes());
    keep_true(&relay, &data, &keys, &shutdown.hard);
    Ok((
        relay,
        Background {
            presence,
            data,
            keys,
            process,
        },
    ))
}

fn check_signatures(submissions: Submissions, threads: usize, relay: Weak<Relay>) -> std::io::Result<()> {
    submissions.check_on_threads(threads, move |checked| {
        if let Some(relay) = relay.upgrade() {
            relay.checked(checked);
        }
    })
}

/// Starts what looks at Redis and at the clock again and again.
fn keep_true(relay: &Arc<Relay>, data: &Client, keys: &Keys, stop: &CancellationToken) {
    let weak = Arc::downgrade(relay);
    tokio::spawn(Arc::clone(&relay.intake).watch_depth(stop.clone()));
    tokio::spawn(Arc::clone(&relay.settings).watch(stop.clone()));
    tokio::spawn(Arc::clone(&relay.rates).exchange(data.clone(), keys.clone(), stop.clone()));
    tokio::spawn(rulings::watch(weak.clone(), stop.clone()));
    tokio::spawn(upkeep::run(weak.clone(), stop.clone()));
    tokio::spawn(signs_of_life::write(
        weak,
        data.clone(),
        keys.clone(),
        stop.clone(),
    ));
}

fn listeners(config: &Config, client: &Client, shutdown: &Shutdown) -> Listeners {
    let copies = match config.plugins.copies {
        config::Copies::Auto => Copies::WhenHeard,
        config::Copies::Always => Copies::Always,
        config::Copies::Never => Copies::Never,
    };
    let listeners = Listeners::new(copies);
    if copies == Copies::WhenHeard {
        tokio::spawn(listeners.clone().watch(client.clone(), shutdown.hard.clone()));
    }
    listeners
}

fn readiness(client: Client) -> health::Check {
    Arc::new(move || {
        let client = client.clone();
        Box::pin(async move { redis::ping(&client).await.map_err(|error| error.to_string()) })
    })
}

/// Gives the answers that are owed, then takes leave of every client.
async fn drain(relay: &Relay, shutdown: &Shutdown) {
    info!(
        connections = relay.connections.len(),
        "giving the answers that are owed"
    );
    let patience = Instant::now() + Duration::from_secs(u64::from(relay.config.websocket.drain_s));
    while Instant::now() < patience && !shutdown.hard.is_cancelled() && owes_something(relay) {
        tokio::time::sleep(LOOK).await;
    }
    relay.connections.for_each(|connection| {
        connection
            .line
            .close(Close::because(CloseReason::GoingAway, "the relay is restarting"));
    });
    let patience = Instant::now() + LAST_WRITES;
    while Instant::now() < patience && relay.connections.len() > 0 {
        tokio::time::sleep(LOOK).await;
    }
}

fn owes_something(relay: &Relay) -> bool {
    let mut owing = false;
    relay
        .connections
        .for_each(|connection| owing |= !connection.owes_nothing());
    owing
}
