//! EVENTs on their way to the workers: those that wait together travel as one job.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use queue::jobs::{Client, NewEventsJson};
use tokio::sync::mpsc;
use tracing::warn;

use crate::{intake::Accepted, relay::Relay};

/// Events of one job at most: as many as a worker commits at once.
const EVENTS: usize = 128;

/// Bytes of one job after which no event is added.
const BYTES: usize = 512 * 1024;

/// After a job of so many events more are sure to come.
const MANY: usize = 4;

/// How long they are waited for. A job costs Redis and a worker about as much as five events do.
const COMPANY: Duration = Duration::from_millis(2);

/// Puts everything that waits into one job, and what comes while that one is on its way into the next. Under light load
/// a job is one event and waits for nothing; under heavy load the workers have enough to do meanwhile.
pub async fn enqueue_events(mut waiting: mpsc::Receiver<Accepted>, relay: Weak<Relay>) {
    let mut batch = Vec::with_capacity(EVENTS);
    while waiting.recv_many(&mut batch, EVENTS).await > 0 {
        let Some(relay) = relay.upgrade() else { return };
        let events = batch.len();
        let mut batch = batch.drain(..).peekable();
        while batch.peek().is_some() {
            enqueue_job(&relay, &mut batch).await;
        }
        if (MANY..EVENTS).contains(&events) {
            tokio::time::sleep(COMPANY).await;
        }
    }
}

async fn enqueue_job(relay: &Relay, events: &mut impl Iterator<Item = Accepted>) {
    let mut job = NewEventsJson::default();
    let mut owed = Vec::with_capacity(EVENTS);
    while job.bytes() < BYTES
        && let Some(event) = events.next()
    {
        let client: Arc<Client> = event.connection.client();
        let address = relay
            .config
            .write_policy
            .is_on()
            .then_some(event.connection.address);
        job.push(event.connection.id.as_str(), &client, address, &event.json);
        owed.push((event.connection, event.id));
    }
    if let Err(error) = relay.intake.push_events(job.finish()).await {
        warn!(%error, events = owed.len(), "could not enqueue events");
        for (connection, id) in owed {
            relay.answer_event(
                &connection,
                id,
                false,
                "error: could not enqueue the event, try again later",
            );
        }
    }
}
