//! Telling the other processes of what operators decided.

use pubsub::RulingsKeys;
use queue::jobs::{Maintenance, Task, Version};

use crate::{App, web::PageError};

/// Something was changed in Postgres: it is in force on every process within a second.
pub async fn changed(app: &App) -> Result<(), PageError> {
    let keys = RulingsKeys::new(app.data.clone(), app.keys.clone());
    Ok(keys.changed().await?)
}

/// Something was banned: as [`changed`], and what is here of it is removed.
pub async fn banned(app: &App) -> Result<(), PageError> {
    changed(app).await?;
    let task = Task::BannedEvents;
    app.producer.push(&Maintenance { v: Version, task }).await?;
    Ok(())
}
