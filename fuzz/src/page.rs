//! What comes through pub/sub: names of channels, pages of events, pages of answers.

use bytes::Bytes;
use protocol::EventId;
use pubsub::{Channel, FoundPage, LivePage, ReplyPage};

pub fn check(data: &[u8]) {
    let message = Bytes::copy_from_slice(data);
    let stored = FoundPage::parse(message.clone()).map(|page| page.events().collect::<Vec<_>>());
    let live = LivePage::parse(message.clone()).map(|page| page.events().collect::<Vec<_>>());
    for (id, json) in stored.into_iter().chain(live).flatten() {
        assert_eq!(EventId::of_canonical(&json), Some(id));
        assert!(!json.contains(&b'\n'), "an event is a line");
    }
    for reply in ReplyPage::parse(&message) {
        let _read = reply.is_ok();
    }
    if let Ok(name) = std::str::from_utf8(data) {
        let _channel = Channel::parse(name);
    }
}
