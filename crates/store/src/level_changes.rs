//! Changes of auth levels, whoever made them: triggers of the tables tell of them (`migrations/0005_levels.sql`).

use std::time::Duration;

use protocol::PublicKey;
use sqlx::postgres::{PgListener, PgPoolOptions};

use crate::{Store, StoreError};

/// Whose level may have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LevelChange {
    /// This key's.
    Of(PublicKey),
    /// Anybody's: the connection was lost for a while, or a table was emptied.
    OfAnybody,
}

/// Hears of changes, over a connection of its own that comes back by itself.
#[derive(Debug)]
pub struct LevelChanges(PgListener);

impl Store {
    /// Begins to listen.
    pub async fn level_changes(&self) -> Result<LevelChanges, StoreError> {
        let options = self.writes.options().clone();
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_lazy_with(options.application_name("switchyard-listens"));
        let listening = async {
            let mut listener = PgListener::connect_with(&pool).await?;
            listener.listen("levels").await?;
            Ok(LevelChanges(listener))
        };
        listening.await.map_err(failed)
    }

    /// The keys whose subscriptions have come to their end within so much time: nothing is written then, so that no trigger tells.
    pub async fn lapsed_subscriptions(&self, within: Duration) -> Result<Vec<PublicKey>, StoreError> {
        // Uses `author_subscriptions_lapsing`.
        let lapsed = sqlx::query_scalar!(
            r#"SELECT pubkey AS "pubkey: [u8; 32]" FROM author_subscriptions
            WHERE expires_at <= now() AND expires_at > now() - make_interval(secs => $1)"#,
            within.as_secs_f64(),
        )
        .fetch_all(&self.writes)
        .await
        .map_err(failed)?;
        Ok(lapsed.into_iter().map(PublicKey::from_bytes).collect())
    }
}

impl LevelChanges {
    /// The next change.
    pub async fn next(&mut self) -> Result<LevelChange, StoreError> {
        let notification = self.0.try_recv().await.map_err(failed)?;
        let key = notification.and_then(|notification| notification.payload().parse().ok());
        Ok(key.map_or(LevelChange::OfAnybody, LevelChange::Of))
    }
}

fn failed(source: sqlx::Error) -> StoreError {
    StoreError::Query {
        operation: "hear of changes of auth levels",
        source,
    }
}
