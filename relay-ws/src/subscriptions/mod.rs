//! Live subscriptions: what each still waits for, and which events it wants.

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "what fails here fails the test")]
mod differential;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "what fails here fails the test")]
mod hand_over;
mod index;
mod replay;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use parking_lot::Mutex;
use protocol::{EventId, Filter, SubscriptionId, event_frame};
use shuttle_sync::sync::atomic::{AtomicU64, Ordering};

pub use index::{Hung, LiveIndex};
use replay::State;

use crate::line::Line;

/// How long the ids of the stored events are kept after EOSE: commit and publish are two steps, so an event can be in
/// the stored result and come live shortly after. Workers that take longer than this between the two are dead.
const COMMIT_TO_PUBLISH: Duration = Duration::from_secs(10);

/// New events that wait while the stored ones are read. A replay takes milliseconds; this is seconds of heavy traffic.
const WAITING_LIVE: usize = 5_000;

/// One REQ of one connection, from its registration to its end.
#[derive(Debug)]
pub struct Subscription {
    /// Its name.
    pub id: SubscriptionId,
    /// Number of the question for its stored events: no other of this connection had it.
    generation: AtomicU64,
    /// Its filters, each with a limit.
    pub filters: Arc<[Filter]>,
    line: Arc<Line>,
    state: Mutex<State>,
    /// Number of the last event that the index found for it; keeps several matching filters from sending it twice.
    last_found: AtomicU64,
}

/// Why a subscription cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyWaiting;

/// The last frame that was made of a live event: subscriptions often share their name.
#[derive(Debug, Default)]
pub struct LastFrame(Option<(SubscriptionId, Bytes)>);

impl Subscription {
    /// A new one, which waits for its stored events until `deadline`.
    pub fn replaying(
        id: SubscriptionId,
        generation: u64,
        filters: impl Into<Arc<[Filter]>>,
        line: Arc<Line>,
        deadline: Instant,
    ) -> Self {
        let state = Mutex::new(State::replaying(deadline));
        Self {
            id,
            generation: AtomicU64::new(generation),
            filters: filters.into(),
            line,
            state,
            last_found: AtomicU64::new(0),
        }
    }

    /// The line to the client.
    pub fn line(&self) -> &Arc<Line> {
        &self.line
    }

    /// Number of the question for its stored events. Pages that answer another one are not for it.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    /// Its stored events are asked for once more: from here on only answers to the new question count, since the rest of what
    /// answers the old one may be lost. Whether it still waits for them.
    pub fn ask_anew(&self, generation: u64) -> bool {
        let state = self.state.lock();
        let waits = matches!(&*state, State::Replaying { .. });
        if waits {
            self.generation.store(generation, Ordering::Relaxed);
        }
        waits
    }

    /// Whether the index found this event for the first time.
    fn found(&self, event_number: u64) -> bool {
        self.last_found.swap(event_number, Ordering::Relaxed) != event_number
    }

    /// A new event that matches: sent at once, or after the stored ones.
    pub fn live(&self, id: EventId, event: &Bytes, frame: &mut LastFrame) -> Result<(), TooManyWaiting> {
        let mut state = self.state.lock();
        match &mut *state {
            State::Replaying { waiting, .. } if waiting.len() >= WAITING_LIVE => Err(TooManyWaiting),
            State::Replaying { waiting, .. } => {
                waiting.push((id, event.clone()));
                Ok(())
            }
            State::Live { sent } => {
                if sent.insert(id) {
                    // Under the lock, so that what is sent has the order of what was decided.
                    self.line.event(&self.id, event, frame.of(&self.id, event));
                }
                Ok(())
            }
            State::Ended => Ok(()),
        }
    }

    /// An event that somebody found for this subscription: sent unless it has just been.
    pub fn found_event(&self, id: EventId, event: &Bytes) {
        let mut state = self.state.lock();
        if let State::Replaying { sent, .. } | State::Live { sent } = &mut *state
            && sent.insert(id)
        {
            self.line.outbox().push(event_frame(&self.id, event).into());
        }
    }

    /// No more is sent.
    pub fn end(&self) {
        *self.state.lock() = State::Ended;
    }

    /// Ends it if the stored events should have been sent by `now`; whether that is so. In one step: it gets an EOSE or is
    /// given up, never both.
    pub fn give_up(&self, now: Instant) -> bool {
        let mut state = self.state.lock();
        let is_late = matches!(&*state, State::Replaying { deadline, .. } if *deadline <= now);
        if is_late {
            *state = State::Ended;
        }
        is_late
    }

    /// Whether the stored events are still being sent.
    pub fn is_replaying(&self) -> bool {
        matches!(&*self.state.lock(), State::Replaying { .. })
    }

    /// Frees what is only remembered for a while.
    pub fn forget(&self, now: Instant) {
        if let State::Live { sent } = &mut *self.state.lock() {
            sent.forget(now);
        }
    }
}

impl LastFrame {
    fn of(&mut self, subscription: &SubscriptionId, event: &Bytes) -> Bytes {
        match &self.0 {
            Some((id, frame)) if id == subscription => frame.clone(),
            _ => {
                let frame = Bytes::from(event_frame(subscription, event));
                self.0 = Some((subscription.clone(), frame.clone()));
                frame
            }
        }
    }
}
