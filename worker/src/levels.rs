//! Changes of auth levels on their way from Postgres to the open connections: every relay-ws process hears whose level may
//! have changed, and asks for it again on `nostr:auth` where the key has been proven.

use std::time::Duration;

use pubsub::{Publisher, PubsubError};
use store::{LevelChange, Store, StoreError};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::context::Context;

/// Pause after a fault of Postgres.
const PAUSE: Duration = Duration::from_secs(1);

/// How far back is looked for subscriptions that lapsed: several turns of the recurring job.
const LAPSED_WITHIN: Duration = Duration::from_secs(60);

/// A recurring job failed.
#[derive(Debug, thiserror::Error)]
pub enum LapseError {
    /// Postgres is away.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Redis is away.
    #[error(transparent)]
    Pubsub(#[from] PubsubError),
}

/// Passes changes on until `stop`.
pub async fn pass_on(store: Store, publisher: Publisher, stop: CancellationToken) {
    loop {
        let failed = tokio::select! {
            () = stop.cancelled() => return,
            failed = follow(&store, &publisher) => failed,
        };
        if let Err(error) = failed {
            let why = std::error::Error::source(&error).map(ToString::to_string);
            warn!(%error, why, "changes of auth levels are heard later");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

async fn follow(store: &Store, publisher: &Publisher) -> Result<(), StoreError> {
    let mut changes = store.level_changes().await?;
    // Nobody may have listened until now, and connections are older than this worker.
    tell(publisher, LevelChange::OfAnybody).await;
    loop {
        tell(publisher, changes.next().await?).await;
    }
}

async fn tell(publisher: &Publisher, change: LevelChange) {
    let pubkeys = match change {
        LevelChange::Of(pubkey) => vec![pubkey],
        LevelChange::OfAnybody => Vec::new(),
    };
    if let Err(error) = publisher.levels_changed(&pubkeys).await {
        warn!(%error, "a change of an auth level could not be passed on");
    }
}

/// Tells of subscriptions that came to their end.
pub async fn tell_of_lapsed(cx: &Context) -> Result<(), LapseError> {
    let lapsed = cx.store.lapsed_subscriptions(LAPSED_WITHIN).await?;
    if !lapsed.is_empty() {
        cx.publisher.levels_changed(&lapsed).await?;
    }
    Ok(())
}
