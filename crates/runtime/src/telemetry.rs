//! Logs, error reports and metrics, set up once at the start of a process.

use std::io::IsTerminal;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder};

/// Renders the metrics, for those who only hand it on.
pub use metrics_exporter_prometheus::PrometheusHandle;
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
            .send_default_pii(false);
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
