//! The latest events as they come.

use std::time::Duration;

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::{StreamExt, stream};
use pubsub::{Address, Channel, Command, Incoming, LivePage, ProcessId, Subscriber};
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::row::{Row, html, rows};
use crate::{
    App,
    web::{Moved, PageError, live},
};

/// What comes is gathered so long before it is shown: nobody reads faster.
const GATHER: Duration = Duration::from_millis(500);

/// Events shown of what has gathered, the newest: a busy relay has more than a page can show.
const MOST: usize = 20;

/// The newest hundred.
pub async fn latest(app: &App) -> Result<Vec<Row>, PageError> {
    let events = app.latest.read().await?;
    rows(app, events).await
}

/// One Redis connection a viewer, which ends with the view: without viewers Redis sends admin nothing.
struct Viewer {
    app: App,
    subscriber: Subscriber,
    _place: OwnedSemaphorePermit,
}

/// Server-sent rows.
pub async fn moving(State(app): State<App>) -> Result<Response, PageError> {
    let Ok(place) = app.viewers.clone().try_acquire_owned() else {
        // The page shows what it has; the browser tries again.
        return Ok((StatusCode::SERVICE_UNAVAILABLE, "Too many are watching.").into_response());
    };
    let url = app.config.redis.pubsub();
    let viewer = Viewer {
        subscriber: Subscriber::connect(url, &app.keys, ProcessId::random()).await?,
        app: app.clone(),
        _place: place,
    };
    let moved = stream::unfold(viewer, |mut viewer: Viewer| async move {
        let html = viewer.next().await?;
        Some((stream::iter(html.map(|html| Moved::Rows("latest", html))), viewer))
    });
    Ok(live(moved.flatten(), app.stopping.clone()))
}

impl Viewer {
    /// The next rows; `None` within when they could not be read.
    async fn next(&mut self) -> Option<Option<String>> {
        let mut events = self.page().await?;
        let until = Instant::now() + GATHER;
        while let Ok(page) = tokio::time::timeout_at(until, self.page()).await {
            events.extend(page?);
            events.drain(..events.len().saturating_sub(MOST));
        }
        events.reverse();
        events.truncate(MOST);
        let rows = rows(&self.app, events).await.ok()?;
        Some(html(&rows).ok())
    }

    /// New events, oldest first.
    async fn page(&mut self) -> Option<Vec<Bytes>> {
        loop {
            let Incoming::Message { channel, payload } = self.subscriber.next().await? else {
                continue;
            };
            let channel = Channel::parse(&channel);
            let is_new_events = channel.is_some_and(|channel| {
                (channel.address, channel.command) == (Address::All, Command::FoundEvents)
            });
            if let Some(page) = LivePage::parse(payload).filter(|_| is_new_events) {
                return Some(page.events().map(|(_, json)| json).collect());
            }
        }
    }
}
