//! Whether anybody listened to an ephemeral event. The worker publishes it; each relay-ws process says to the one whose client
//! sent it whether a subscription wanted it; when one did, or when none of all did, the client gets its OK.

use std::time::{Duration, Instant};

use ahash::AHashMap;
use parking_lot::Mutex;
use protocol::EventId;
use pubsub::{Ballot, ConnectionId, ProcessId};

/// How long processes may take to say it. One that dies meanwhile says nothing: then nobody knows, and the event counts as heard.
const PATIENCE: Duration = Duration::from_secs(1);

/// Events that are asked about at a time. Beyond it they count as heard.
const MOST: usize = 20_000;

/// What came of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Somebody wanted it, or may have.
    Perhaps,
    /// No subscription of any process did.
    ByNobody,
}

/// A client that waits for its OK, and what it is told.
pub type Told = (ConnectionId, EventId, Heard);

/// Ephemeral events of our clients, on their way.
#[derive(Debug, Default)]
pub struct Audiences(Mutex<AHashMap<EventId, Audience>>);

#[derive(Debug)]
struct Audience {
    was_heard: bool,
    missed_by: Vec<ProcessId>,
    /// How many processes received it, once the worker has said so.
    receivers: Option<u64>,
    waiting: Vec<ConnectionId>,
    until: Instant,
}

impl Audience {
    fn verdict(&self) -> Option<Heard> {
        match self.receivers {
            _ if self.was_heard => Some(Heard::Perhaps),
            Some(receivers) if self.missed_by.len() as u64 >= receivers => Some(Heard::ByNobody),
            _ => None,
        }
    }

    /// Those who wait, if there is something to tell.
    fn told(&mut self, event: EventId) -> Vec<Told> {
        let Some(heard) = self.verdict() else {
            return Vec::new();
        };
        let waiting = self.waiting.drain(..);
        waiting.map(|connection| (connection, event, heard)).collect()
    }
}

impl Audiences {
    /// The worker has published an event of a client, and so many received it.
    pub fn passed_on(
        &self,
        connection: ConnectionId,
        event: EventId,
        receivers: u64,
        now: Instant,
    ) -> Vec<Told> {
        self.with(event, now, |audience| {
            audience.receivers = Some(receivers);
            audience.waiting.push(connection);
        })
        .unwrap_or_else(|| vec![(connection, event, Heard::Perhaps)])
    }

    /// What a process says. It may come before the worker's word.
    pub fn count(&self, ballot: &Ballot, now: Instant) -> Vec<Told> {
        let heard = ballot.heard.iter().map(|event| (event, true));
        let missed = ballot.missed.iter().map(|event| (event, false));
        let mut told = Vec::new();
        for (event, was_heard) in heard.chain(missed) {
            let answers = self.with(*event, now, |audience| {
                audience.was_heard |= was_heard;
                if !was_heard && !audience.missed_by.contains(&ballot.by) {
                    audience.missed_by.push(ballot.by);
                }
            });
            told.extend(answers.unwrap_or_default());
        }
        told
    }

    /// Forgets what is old, and those who still wait get their answer.
    pub fn overdue(&self, now: Instant) -> Vec<Told> {
        let old = |_: &EventId, audience: &mut Audience| audience.until <= now;
        let old: Vec<_> = self.0.lock().extract_if(old).collect();
        let perhaps = |(event, audience): (EventId, Audience)| {
            let waiting = audience.waiting.into_iter();
            waiting.map(move |connection| (connection, event, Heard::Perhaps))
        };
        old.into_iter().flat_map(perhaps).collect()
    }

    /// `None` when there are too many.
    fn with(&self, event: EventId, now: Instant, change: impl FnOnce(&mut Audience)) -> Option<Vec<Told>> {
        let mut all = self.0.lock();
        if all.len() >= MOST && !all.contains_key(&event) {
            return None;
        }
        let audience = all.entry(event).or_insert_with(|| Audience {
            was_heard: false,
            missed_by: Vec::new(),
            receivers: None,
            waiting: Vec::new(),
            until: now + PATIENCE,
        });
        change(audience);
        let told = audience.told(event);
        if told.iter().any(|(.., heard)| *heard == Heard::ByNobody) {
            // The client may try again, and somebody may listen then.
            all.remove(&event);
        }
        Some(told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ballot(by: ProcessId, heard: &[EventId], missed: &[EventId]) -> Ballot {
        Ballot {
            heard: heard.into(),
            missed: missed.into(),
            ..Ballot::by(by)
        }
    }

    #[test]
    fn nobody_listened_only_when_every_process_says_so() {
        let (audiences, now) = (Audiences::default(), Instant::now());
        let [one, two] = [ProcessId::random(), ProcessId::random()];
        let client = ConnectionId::random(one);
        let [a, b, c, d] = [1, 2, 3, 4].map(|n| EventId::from_bytes([n; 32]));
        assert_eq!(audiences.count(&ballot(one, &[], &[a, b, c]), now), []);
        assert_eq!(audiences.passed_on(client, a, 2, now), []);
        assert_eq!(
            audiences.count(&ballot(one, &[], &[a]), now),
            [],
            "one process has one voice"
        );
        assert_eq!(
            audiences.count(&ballot(two, &[b], &[a, c]), now),
            [(client, a, Heard::ByNobody)]
        );
        assert_eq!(
            audiences.passed_on(client, b, 2, now),
            [(client, b, Heard::Perhaps)]
        );
        assert_eq!(
            audiences.passed_on(client, c, 2, now),
            [(client, c, Heard::ByNobody)]
        );
        assert_eq!(audiences.passed_on(client, d, 3, now), []);
        assert_eq!(audiences.overdue(now), []);
        assert_eq!(
            audiences.overdue(now + PATIENCE),
            [(client, d, Heard::Perhaps)],
            "who is silent may have heard"
        );
        assert!(audiences.0.lock().is_empty());
    }
}
