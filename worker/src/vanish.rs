//! Requests to vanish ([NIP-62](https://nips.nostr.com/62)): what is stored goes in steps, so that other events get their
//! turn in between. An OK means that all of it is gone, or that so much was there that the rest goes within seconds. Jobs that
//! were given up are searched within seconds, too.

use protocol::{Event, Kind, VerifiedEvent};
use store::StoreError;
use tracing::warn;

pub mod dead_letters;

use crate::{context::Context, metrics::Removed};

/// Steps that an OK waits for.
const STEPS: u32 = 20;

/// Steps of a recurring job; what is left then is for the next.
pub const STEPS_OF_JOB: u32 = 1000;

/// The requests among events that are to be saved.
pub fn requests<'e>(events: impl IntoIterator<Item = &'e VerifiedEvent>) -> Vec<Event> {
    let requests = events.into_iter().filter(|event| event.kind == Kind::VANISH);
    requests.map(|request| request.event().clone()).collect()
}

/// After these requests were committed: removes what they are about.
pub async fn follow(requests: Vec<Event>, cx: &Context) {
    if requests.is_empty() {
        return;
    }
    for request in requests {
        cx.announcer.latest.forget(request);
    }
    if let Err(error) = remove(STEPS, cx).await {
        let why = std::error::Error::source(&error).map(ToString::to_string);
        warn!(%error, why, "what has to vanish is left to the next recurring job");
    }
}

/// Removes what has to vanish, in at most so many steps.
pub async fn remove(steps: u32, cx: &Context) -> Result<(), StoreError> {
    let batch = cx.config.worker.maintenance_batch;
    for _ in 0..steps {
        match cx.store.remove_vanished(batch).await? {
            Some(removed) => cx.removed(Removed::VanishedEvents, removed).await,
            None => break,
        }
    }
    Ok(())
}
