//! Telling the world of new events.

use bytes::Bytes;
use futures::future::{try_join, try_join_all};
use protocol::VerifiedEvent;
use pubsub::{Address, Listeners, PageWriter, ProcessId, Publisher, PubsubError};

use crate::latest::Latest;

/// Who hears of new events. Cheap to clone.
#[derive(Clone)]
pub struct Announcer {
    /// Messages to relay-ws processes.
    pub publisher: Publisher,
    /// Whether plugins listen.
    pub listeners: Listeners,
    /// The list of the newest events.
    pub latest: Latest,
}

impl Announcer {
    /// New events to every relay-ws process, in pages; for plugins also each on its own. `last_seq` is the highest
    /// sequence number of the stored ones. After an error some may have been published: to announce them all again
    /// is safe, who has them already drops them.
    pub async fn announce(
        &self,
        events: &[&VerifiedEvent],
        last_seq: Option<i64>,
    ) -> Result<(), PubsubError> {
        if events.is_empty() {
            return Ok(());
        }
        // Who asks after he could have heard of an event gets it: so the change is known first.
        try_join(
            self.publisher.changed(),
            self.publish(events, || PageWriter::live(last_seq)),
        )
        .await?;
        Ok(())
    }

    /// Ephemeral events that clients of one process sent: each relay-ws process tells it who listened. Answers how many there
    /// are to tell; `None` when plugins get copies, who may do anything with them.
    pub async fn pass_on(
        &self,
        events: &[&VerifiedEvent],
        sender: ProcessId,
    ) -> Result<Option<u64>, PubsubError> {
        let receivers = self.publish(events, || PageWriter::passing(sender)).await?;
        Ok((!self.listeners.are_there()).then_some(receivers))
    }

    /// Answers how many clients of Redis received a page.
    async fn publish(
        &self,
        events: &[&VerifiedEvent],
        page: impl Fn() -> PageWriter,
    ) -> Result<u64, PubsubError> {
        // What is awaited together shares round trips, and leaves in this order.
        let pages = pages(events, page).map(|page| self.publisher.new_events(Address::All, page));
        let receivers = try_join_all(pages).await?;
        if self.listeners.are_there() {
            let copies = events.iter().map(|event| event.json().to_owned());
            try_join_all(copies.map(|event| self.publisher.new_event(event))).await?;
        }
        Ok(receivers.into_iter().max().unwrap_or(0))
    }
}

fn pages(events: &[&VerifiedEvent], page: impl Fn() -> PageWriter) -> impl Iterator<Item = Bytes> {
    let mut pages = vec![page()];
    for event in events {
        if pages.last().is_some_and(PageWriter::is_full) {
            pages.push(page());
        }
        if let Some(page) = pages.last_mut() {
            page.push(event.json());
        }
    }
    pages.into_iter().map(PageWriter::finish)
}
