//! The list of the latest events, kept up beside the jobs: nobody waits for it, and a slow Redis delays nobody.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use parking_lot::Mutex;
use protocol::{Event, VerifiedEvent};
use pubsub::LatestEvents;
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::warn;

/// Between two writes: of a flood the newest hundred are written ten times a second, not every event.
const PAUSE: Duration = Duration::from_millis(100);

/// Takes new events; what gathers while the last ones are written is written next, the newest hundred of it.
#[derive(Clone, Default)]
pub struct Latest(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Whether what was signed for somebody (NIP-26) is theirs.
    delegation: bool,
    /// Oldest first; never more than the list holds.
    waiting: Mutex<VecDeque<String>>,
    /// Requests to vanish, whose authors' events have to leave the list.
    vanished: Mutex<Vec<Event>>,
    came: Notify,
    writing: TaskTracker,
}

impl Latest {
    /// Starts the task that writes, until `stop`; [`Self::end`] waits for its last words.
    pub fn start(list: LatestEvents, delegation: bool, stop: CancellationToken) -> Self {
        let latest = Self(Arc::new(Inner {
            delegation,
            ..Inner::default()
        }));
        let inner = Arc::clone(&latest.0);
        latest.0.writing.spawn(async move {
            while !stop.is_cancelled() {
                stop.run_until_cancelled(inner.came.notified()).await;
                inner.write(&list).await;
                stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
            }
            inner.write(&list).await;
        });
        latest.0.writing.close();
        latest
    }

    /// After the stop: waits until what came before it is written.
    pub async fn end(&self) {
        self.0.writing.wait().await;
    }

    /// Adds events, oldest first.
    pub fn add(&self, events: &[&VerifiedEvent]) {
        let newest = &events[events.len().saturating_sub(LatestEvents::LENGTH)..];
        if newest.is_empty() {
            return;
        }
        let mut waiting = self.0.waiting.lock();
        waiting.extend(newest.iter().map(|event| event.json().to_owned()));
        let outdated = waiting.len().saturating_sub(LatestEvents::LENGTH);
        waiting.drain(..outdated);
        drop(waiting);
        self.0.came.notify_one();
    }

    /// Takes out what vanishes by a request (NIP-62).
    pub fn forget(&self, request: Event) {
        let mut waiting = self.0.waiting.lock();
        waiting.retain(|json| !self.0.vanishes(json, &request));
        drop(waiting);
        self.0.vanished.lock().push(request);
        self.0.came.notify_one();
    }
}

impl Inner {
    async fn write(&self, list: &LatestEvents) {
        let events = self.waiting.lock().drain(..).collect();
        if let Err(error) = list.add(events).await {
            warn!(%error, "the latest events could not be listed");
        }
        let vanished = std::mem::take(&mut *self.vanished.lock());
        for request in vanished {
            if let Err(error) = list.remove(|json| self.vanishes(json, &request)).await {
                warn!(%error, "what vanished may still be among the latest events");
            }
        }
    }

    fn vanishes(&self, json: &str, request: &Event) -> bool {
        let event = serde_json::from_str::<Event>(json);
        event.is_ok_and(|event| event.vanishes_by(request, self.delegation))
    }
}

#[cfg(test)]
mod tests {
    use testkit::note;

    use super::*;

    #[test]
    fn no_more_waits_than_the_list_holds() {
        let latest = Latest::default();
        let events: Vec<_> = (0..70).map(|n| note("").at(n).verified()).collect();
        let events: Vec<_> = events.iter().collect();
        latest.add(&events);
        latest.add(&events);
        let waiting = latest.0.waiting.lock();
        assert_eq!(waiting.len(), 100);
        assert_eq!(waiting[99], events[69].json());
        assert_eq!(waiting[0], events[40].json());
    }
}
