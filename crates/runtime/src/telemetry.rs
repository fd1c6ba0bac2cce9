//! Logs, error reports and metrics, set up once at the start of a process.

use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hash, Hasher},
    io::IsTerminal,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder};

/// Renders the metrics, for those who only hand it on.
pub use metrics_exporter_prometheus::PrometheusHandle;
use sentry::protocol::Event;
use tracing_subscriber::{
    EnvFilter, Layer, filter::LevelFilter, layer::SubscriberExt, util::SubscriberInitExt,
};

use crate::config::{LogFormat, Telemetry};

/// Keeps telemetry alive; dropping it flushes what waits for Sentry.
pub struct TelemetryGuard {
    /// Renders the metrics.
    pub metrics: PrometheusHandle,
    _sentry: Option<sentry::ClientInitGuard>,
}

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The `log` setting is no list of directives.
    #[error("telemetry.log is not a list of tracing directives")]
    Directives(#[from] tracing_subscriber::filter::ParseError),
    /// Something in this process logs already.
    #[error("logging is set up already")]
    Logging(#[from] tracing_subscriber::util::TryInitError),
    /// Something in this process measures already.
    #[error("metrics could not be set up")]
    Metrics(#[from] BuildError),
}

/// Panics that were reported lately, as hashes: who panics each time, as a job does at each attempt, is reported once.
#[derive(Default)]
struct Repeats(Mutex<VecDeque<(u64, Instant)>>);

/// The same panic is reported so often at most.
const AT_MOST_EVERY: Duration = Duration::from_secs(60);

/// Different panics that are remembered.
const REMEMBERED: usize = 64;

impl Repeats {
    fn filter(self) -> impl Fn(Event<'static>) -> Option<Event<'static>> {
        move |event| (event.exception.is_empty() || self.is_news(&event)).then_some(event)
    }

    fn is_news(&self, event: &Event<'_>) -> bool {
        let mut hasher = DefaultHasher::new();
        for exception in &event.exception {
            (&exception.ty, &exception.value).hash(&mut hasher);
        }
        let (hash, now) = (hasher.finish(), Instant::now());
        let mut reported = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reported.retain(|(_, at)| now.duration_since(*at) < AT_MOST_EVERY);
        let is_news = reported.iter().all(|(known, _)| *known != hash);
        if is_news {
            reported.push_back((hash, now));
            if reported.len() > REMEMBERED {
                reported.pop_front();
            }
        }
        is_news
    }
}

/// Bounds of the histograms, in seconds, from a tenth of a millisecond to ten seconds.
pub(crate) const SECONDS: [f64; 16] = [
    0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Sets up logging, Sentry (when there is a DSN) and metrics.
///
/// Only `error!` reaches Sentry: it means that somebody has to act, and nothing that a stranger sends may cause it.
pub fn init(process: &'static str, config: &Telemetry) -> Result<TelemetryGuard, TelemetryError> {
    let sentry = config.sentry_dsn.as_option().map(|dsn| {
        let options = sentry::ClientOptions::new()
            .release(env!("CARGO_PKG_VERSION"))
            .environment(config.environment.clone())
            .server_name(process)
            .send_default_pii(false)
            .before_send(Repeats::default().filter());
        sentry::init((dsn, options))
    });
    let format = match config.format {
        // Colours are for people: a file gets none.
        LogFormat::Text => tracing_subscriber::fmt::layer()
            .with_ansi(std::io::stderr().is_terminal())
            .with_writer(std::io::stderr)
            .boxed(),
        LogFormat::Json => tracing_subscriber::fmt::layer()
            .json()
            .with_writer(std::io::stderr)
            .boxed(),
    };
    let reports = sentry::integrations::tracing::ErrorLayer::new().with_filter(LevelFilter::ERROR);
    tracing_subscriber::registry()
        .with(config.log.parse::<EnvFilter>()?)
        .with(format)
        .with(sentry.is_some().then_some(reports))
        .try_init()?;
    let metrics = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .install_recorder()?;
    Ok(TelemetryGuard {
        metrics,
        _sentry: sentry,
    })
}
