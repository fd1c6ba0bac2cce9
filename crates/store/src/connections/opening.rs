//! How connections come, and which of them are used again.

use std::{
    io,
    time::{Duration, Instant},
};

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use parking_lot::Mutex;
use sqlx::{ConnectOptions, Connection, Error, PgConnection, postgres::PgConnectOptions};
use tokio::time::{sleep, timeout};

/// A server that starts is asked again after a pause that grows up to this.
const PAUSE: Duration = Duration::from_millis(500);

/// What was used so recently is taken to be alive: to ask would cost as much as many a query.
const FRESH: Duration = Duration::from_secs(1);

/// How long the answer to a greeting may take.
const GREETING: Duration = Duration::from_secs(1);

/// Then a connection is closed: what Postgres remembers for it grows.
const LIFETIME: Duration = Duration::from_secs(30 * 60);

/// What Postgres does about a client that it does not hear of any more: when a network swallowed the connection, a transaction would go on
/// for hours, and nobody else would get its locks. The keepalives are of TCP; a socket of the same machine does without.
const LOST_CLIENTS: [(&str, &str); 4] = [
    ("idle_in_transaction_session_timeout", "3s"),
    ("tcp_keepalives_idle", "5"),
    ("tcp_keepalives_interval", "2"),
    ("tcp_keepalives_count", "3"),
];

/// Opens connections.
#[derive(Debug)]
pub(crate) struct Opening {
    options: PgConnectOptions,
    /// When one was found broken, or left in the middle of something: others may be broken as well.
    doubted: Mutex<Instant>,
}

impl Opening {
    pub fn new(options: PgConnectOptions) -> Self {
        Self {
            options: options.options(LOST_CLIENTS),
            doubted: Mutex::new(Instant::now()),
        }
    }

    /// Those that were used before are greeted before they are used again.
    pub fn doubt_others(&self) {
        *self.doubted.lock() = Instant::now();
    }
}

impl Manager for Opening {
    type Type = PgConnection;
    type Error = Error;

    /// Waits for a server that is about to be there, as long as it is let.
    async fn create(&self) -> Result<PgConnection, Error> {
        let mut pause = Duration::from_millis(10);
        loop {
            // Boxed: it is large, rare, and in the future of every query.
            match Box::pin(self.options.connect()).await {
                Err(error) if is_starting(&error) => sleep(pause).await,
                connected => return connected,
            }
            pause = PAUSE.min(2 * pause);
        }
    }

    async fn recycle(&self, connection: &mut PgConnection, metrics: &Metrics) -> RecycleResult<Error> {
        if metrics.age() > LIFETIME {
            return Err(RecycleError::message("it is old"));
        }
        let last_used = metrics.recycled.unwrap_or(metrics.created);
        if last_used.elapsed() < FRESH && last_used > *self.doubted.lock() {
            return Ok(());
        }
        let silent = |_| RecycleError::message("it does not answer");
        Ok(timeout(GREETING, connection.ping()).await.map_err(silent)??)
    }
}

fn is_starting(error: &Error) -> bool {
    match error {
        Error::Io(error) => error.kind() == io::ErrorKind::ConnectionRefused,
        // Too many connections; cannot connect now.
        Error::Database(error) => error
            .code()
            .is_some_and(|code| code == "53300" || code == "57P03"),
        _ => false,
    }
}
