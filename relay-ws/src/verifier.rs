//! Signature checks, on threads of their own: a check takes 30 to 45 µs, and no socket waits for another's.

use std::{num::NonZero, sync::Arc, thread, time::Instant};

use async_channel::{Receiver, Sender};
use metrics::counter;
use protocol::{Event, EventId, InvalidEvent, VerifiedEvent};

use crate::connection::Connection;

/// Events that may wait for a check. Beyond it their sockets are not read: the clients feel it as a slow network.
const WAITING: usize = 1024;

/// Why an event is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// EVENT: to be stored and passed on.
    Publish,
    /// AUTH: to prove a key.
    Authenticate,
}

/// An event on its way through the check.
#[derive(Debug)]
pub struct Submission<E> {
    /// Who sent it.
    pub connection: Arc<Connection>,
    /// What for.
    pub purpose: Purpose,
    /// The event, or what came of it.
    pub event: E,
}

/// What a check says: the event, or whose it was and what is wrong with it.
pub type Checked = Result<VerifiedEvent, (EventId, InvalidEvent)>;

/// The way to the checking threads.
#[derive(Debug, Clone)]
pub struct Verifier(Sender<Submission<Box<Event>>>);

/// The events that wait for a check.
#[derive(Debug)]
pub struct Submissions(Receiver<Submission<Box<Event>>>);

impl Submissions {
    /// Starts `threads` threads (0: one a core), which hand each outcome to `then`. They end with the last [`Verifier`].
    pub fn check_on_threads(
        self,
        threads: usize,
        then: impl Fn(Submission<Checked>) + Clone + Send + 'static,
    ) -> std::io::Result<()> {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        for number in 0..if threads == 0 { cores } else { threads } {
            let (receiver, then) = (self.0.clone(), then.clone());
            thread::Builder::new()
                .name(format!("verify-{number}"))
                .spawn(move || check_all(&receiver, &then))?;
        }
        Ok(())
    }
}

impl Verifier {
    /// Both ends.
    pub fn new() -> (Self, Submissions) {
        let (sender, receiver) = async_channel::bounded(WAITING);
        (Self(sender), Submissions(receiver))
    }

    /// Hands an event in; waits while too many are waiting.
    pub async fn check(&self, submission: Submission<Box<Event>>) {
        // Fails only when the threads are gone, which is when the process ends.
        if self.0.send(submission).await.is_err() {
            counter!("relay_unchecked_events_total").increment(1);
        }
    }
}

fn check_all(receiver: &Receiver<Submission<Box<Event>>>, then: &impl Fn(Submission<Checked>)) {
    while let Ok(Submission {
        connection,
        purpose,
        event,
    }) = receiver.recv_blocking()
    {
        let id = event.id;
        let began = Instant::now();
        let event = VerifiedEvent::verify(*event).map_err(|error| (id, error));
        if let Some(origin) = connection.origin() {
            origin.share().took(began.elapsed());
        }
        then(Submission {
            connection,
            purpose,
            event,
        });
    }
}
