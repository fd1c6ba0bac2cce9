//! The end of a process, in two steps: the first signal asks to finish, a second one or the end of patience commands it.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Two tokens that say how far the end has come.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// Take nothing new, finish what is there.
    pub soft: CancellationToken,
    /// Drop everything.
    pub hard: CancellationToken,
}

impl Shutdown {
    /// Listens for SIGTERM and SIGINT. `patience` lies between soft and hard.
    pub fn on_signals(patience: Duration) -> std::io::Result<Self> {
        let shutdown = Self::default();
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let tokens = shutdown.clone();
        tokio::spawn(async move {
            let mut signalled = async || {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            };
            signalled().await;
            info!("finishing what is running");
            tokens.soft.cancel();
            tokio::select! {
                () = signalled() => warn!("a second signal: not waiting any longer"),
                () = tokio::time::sleep(patience) => warn!("some work is not finished in time"),
                () = tokens.hard.cancelled() => {}
            }
            tokens.hard.cancel();
        });
        Ok(shutdown)
    }
}
