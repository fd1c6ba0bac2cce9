//! Telling the world of new events.

use protocol::VerifiedEvent;
use pubsub::{Address, LatestEvents, Listeners, PageWriter, Publisher};
use tracing::warn;

/// Who hears of new events. Cheap to clone.
#[derive(Clone)]
pub struct Announcer {
    /// Messages to relay-ws processes.
    pub publisher: Publisher,
    /// Whether plugins listen.
    pub listeners: Listeners,
    /// The list of the newest events.
    pub latest: LatestEvents,
}

impl Announcer {
    /// New events to every relay-ws process, in pages; for plugins also each on its own. `last_seq` is the highest
    /// sequence number of the stored ones.
    pub async fn announce(&self, events: &[&VerifiedEvent], last_seq: Option<i64>) {
        if events.is_empty() {
            return;
        }
        for page in pages(events, last_seq) {
            if let Err(error) = self.publisher.new_events(Address::All, page).await {
                warn!(%error, "new events could not be published");
            }
        }
        if self.listeners.are_there() {
            for event in events {
                if let Err(error) = self.publisher.new_event(event.json().to_owned()).await {
                    warn!(%error, "a new event could not be published for plugins");
                }
            }
        }
    }

    /// Lists stored events as the latest; nobody waits for that.
    pub fn list_latest(&self, events: &[&VerifiedEvent]) {
        let (latest, events) = (
            self.latest.clone(),
            events.iter().map(|event| event.json().to_owned()).collect(),
        );
        tokio::spawn(async move {
            if let Err(error) = latest.add(events).await {
                warn!(%error, "the latest events could not be listed");
            }
        });
    }
}

fn pages(events: &[&VerifiedEvent], last_seq: Option<i64>) -> Vec<String> {
    let mut pages = Vec::new();
    let mut page = PageWriter::live(last_seq);
    for event in events {
        if page.is_full() {
            pages.push(std::mem::replace(&mut page, PageWriter::live(last_seq)).finish());
        }
        page.push(event.json());
    }
    pages.push(page.finish());
    pages
}
