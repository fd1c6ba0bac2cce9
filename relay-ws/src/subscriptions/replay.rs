//! From stored to live without a gap and without a duplicate.
//!
//! A subscription is registered before its query is enqueued. An event that is committed before the query's snapshot is
//! in the stored result; one that is committed later is published later still, and so comes live. What comes live while
//! the stored events are on their way waits; at their end it follows, but for what was among them.

use std::time::Instant;

use ahash::RandomState;
use bytes::Bytes;
use indexmap::IndexSet;
use protocol::{EventId, Filter, Hint, event_frame};
use pubsub::FoundPage;

use super::{COMMIT_TO_PUBLISH, Subscription};

/// Live events whose ids are kept so that a plugin's copy of them is not sent again.
const KEPT: usize = 64;

/// Where a subscription stands.
#[derive(Debug)]
pub(super) enum State {
    /// Stored events are on their way.
    Replaying {
        /// Stored events sent so far.
        sent: Sent,
        /// New events, in their order.
        waiting: Vec<(EventId, Bytes)>,
        /// When the client has to be told that it failed.
        deadline: Instant,
    },
    /// EOSE has been sent.
    Live {
        /// What was sent lately.
        sent: Sent,
    },
    /// Closed, or replaced by another of its name.
    Ended,
}

impl State {
    pub(super) fn replaying(deadline: Instant) -> Self {
        Self::Replaying {
            sent: Sent::default(),
            waiting: Vec::new(),
            deadline,
        }
    }
}

/// Ids that were sent lately, in their order: thousands of them in the answer to many filters, and in a second of all that comes.
#[derive(Debug, Default)]
pub(super) struct Sent {
    ids: IndexSet<EventId, RandomState>,
    /// After this only the last ones count; `None` while stored events are being sent.
    forget_at: Option<Instant>,
}

impl Sent {
    /// Adds an id; whether it was new.
    pub(super) fn insert(&mut self, id: EventId) -> bool {
        self.ids.insert(id)
    }

    /// Shrinks to the last few when the time for the others has passed.
    pub(super) fn forget(&mut self, now: Instant) {
        if self.forget_at.is_some_and(|at| at <= now) && self.ids.len() > KEPT {
            self.ids.drain(..self.ids.len() - KEPT);
            self.ids.shrink_to_fit();
        }
    }
}

impl Subscription {
    /// A page of stored events; the last one makes the EOSE and lets the live ones through.
    /// Pages of a predecessor's query are dropped.
    pub fn stored(&self, page: &FoundPage, now: Instant) {
        let mut state = self.state.lock();
        let State::Replaying { sent, waiting, .. } = &mut *state else {
            return;
        };
        if page.header.generation != self.generation() {
            return;
        }
        for (id, event) in page.events() {
            self.send_new(sent, id, &event);
        }
        if !page.header.end {
            return;
        }
        self.line.eose(&self.id, self.hint(page.header.hint));
        for (id, event) in std::mem::take(waiting) {
            self.send_new(sent, id, &event);
        }
        let mut sent = std::mem::take(sent);
        sent.forget_at = Some(now + COMMIT_TO_PUBLISH);
        *state = State::Live { sent };
    }

    /// A filter with `limit: 0` asked for nothing stored, and nobody looked what there is: that everything was sent is not known.
    fn hint(&self, hint: Option<Hint>) -> Option<Hint> {
        let is_unasked = |filter: &Filter| filter.limit == Some(0) && !filter.matches_nothing();
        hint.filter(|hint| *hint != Hint::Finish || !self.filters.iter().any(is_unasked))
    }

    fn send_new(&self, sent: &mut Sent, id: EventId, event: &Bytes) {
        if sent.insert(id) {
            self.line
                .event(&self.id, event, event_frame(&self.id, event).into());
        }
    }
}
