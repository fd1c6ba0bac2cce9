//! Pages of events: many in one message.
//!
//! A page is text. Its first line is a JSON header, each further line the canonical JSON of one event, which never holds
//! a line break. Measured per event, its own PUBLISH costs about ten times what a line of a page does.

use bytes::{Buf, Bytes};
use memchr::memchr;
use protocol::{EventId, Hint};
use serde::{Deserialize, Serialize};

use crate::ProcessId;

/// Header of a page of stored events on `events:<connection>:<subscription>:FOUND_EVENTS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageHeader {
    /// Which of the subscriptions that had this name.
    pub generation: u64,
    /// The last page: EOSE follows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub end: bool,
    /// NIP-67, on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<Hint>,
}

/// Header of a page of new events on `events:_:_:FOUND_EVENTS`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct LiveHeader {
    /// The highest sequence number among them; none when all are ephemeral.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seq: Option<i64>,
    /// Who wants to know whether anybody listens: whose clients sent these ephemeral events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asks: Option<ProcessId>,
}

/// A page of stored events as it came.
#[derive(Debug, Clone)]
pub struct FoundPage {
    /// Its header.
    pub header: PageHeader,
    events: Bytes,
}

/// A page of new events as it came.
#[derive(Debug, Clone)]
pub struct LivePage {
    /// The highest sequence number in the store among them.
    pub seq: Option<i64>,
    /// Which process wants to know whether anybody listens; all of them are ephemeral then.
    pub asks: Option<ProcessId>,
    events: Bytes,
}

/// A page in the making.
#[derive(Debug)]
pub struct PageWriter {
    header: String,
    /// Room for the header, which is not certain until the end, then the lines: they are written where they stay.
    page: Vec<u8>,
    events: usize,
}

/// No header is longer.
const HEADER_ROOM: usize = 80;

impl PageWriter {
    /// Events in a page at most.
    pub const MAX_EVENTS: usize = 100;
    /// Bytes after which a page is sent. One event more may exceed it.
    pub const MAX_BYTES: usize = 256 * 1024;

    /// A page of stored events.
    pub fn stored(header: PageHeader) -> Self {
        Self::with_header(&header)
    }

    /// A page of new events.
    pub fn live(seq: Option<i64>) -> Self {
        Self::with_header(&LiveHeader { seq, asks: None })
    }

    /// A page of ephemeral events that clients of a process sent.
    pub fn passing(asks: ProcessId) -> Self {
        Self::with_header(&LiveHeader {
            seq: None,
            asks: Some(asks),
        })
    }

    fn with_header(header: &impl Serialize) -> Self {
        Self {
            header: json(header),
            page: vec![0; HEADER_ROOM],
            events: 0,
        }
    }

    /// With room for the first of these events, as many as it takes.
    pub fn with_room_for<'e>(mut self, events: impl IntoIterator<Item = &'e Bytes>) -> Self {
        let mut bytes = 0;
        for event in events.into_iter().take(Self::MAX_EVENTS) {
            bytes += 1 + event.len();
            if bytes >= Self::MAX_BYTES {
                break;
            }
        }
        self.page.reserve_exact(bytes);
        self
    }

    /// Another header: at the first event of a page nobody knows whether it is the last.
    pub fn set_header(&mut self, header: PageHeader) {
        self.header = json(&header);
    }

    /// Appends an event, in canonical JSON.
    pub fn push(&mut self, canonical_json: impl AsRef<[u8]>) {
        self.page.push(b'\n');
        self.page.extend_from_slice(canonical_json.as_ref());
        self.events += 1;
    }

    /// Whether it should be sent before more is appended.
    pub fn is_full(&self) -> bool {
        self.events >= Self::MAX_EVENTS || self.page.len() >= HEADER_ROOM + Self::MAX_BYTES
    }

    /// The message.
    pub fn finish(mut self) -> Bytes {
        let begin = HEADER_ROOM.saturating_sub(self.header.len());
        self.page.splice(begin..HEADER_ROOM, self.header.bytes());
        Bytes::from(self.page).slice(begin..)
    }
}

fn json(header: &impl Serialize) -> String {
    // Numbers, a flag and a word always have a JSON form.
    serde_json::to_string(header).unwrap_or_default()
}

impl FoundPage {
    /// A page without events.
    pub fn empty(header: PageHeader) -> Self {
        Self {
            header,
            events: Bytes::new(),
        }
    }

    /// Reads a message; `None` if it is no page.
    pub fn parse(message: Bytes) -> Option<Self> {
        let (header, events) = split_header(message)?;
        Some(Self {
            header: serde_json::from_slice(&header).ok()?,
            events,
        })
    }

    /// The events with their ids, in their order. The bytes are shared with the message.
    pub fn events(&self) -> impl Iterator<Item = (EventId, Bytes)> {
        lines(&self.events)
    }
}

impl LivePage {
    /// Reads a message; `None` if it is no page.
    pub fn parse(message: Bytes) -> Option<Self> {
        let (header, events) = split_header(message)?;
        let header: LiveHeader = serde_json::from_slice(&header).ok()?;
        Some(Self {
            seq: header.seq,
            asks: header.asks,
            events,
        })
    }

    /// The events with their ids, in their order. The bytes are shared with the message.
    pub fn events(&self) -> impl Iterator<Item = (EventId, Bytes)> {
        lines(&self.events)
    }
}

fn split_header(mut message: Bytes) -> Option<(Bytes, Bytes)> {
    if message.first() != Some(&b'{') {
        return None;
    }
    match memchr(b'\n', &message) {
        Some(end) => {
            let events = message.split_off(end + 1);
            message.truncate(end);
            Some((message, events))
        }
        None => Some((message, Bytes::new())),
    }
}

fn lines(events: &Bytes) -> impl Iterator<Item = (EventId, Bytes)> {
    let mut rest = events.clone();
    std::iter::from_fn(move || {
        let end = memchr(b'\n', &rest).unwrap_or(rest.len());
        let line = (!rest.is_empty()).then(|| rest.split_to(end));
        rest.advance(rest.len().min(1));
        line
    })
    .filter_map(|line| Some((EventId::of_canonical(&line)?, line)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(digit: char) -> String {
        format!(r#"{{"id":"{}","content":"x"}}"#, digit.to_string().repeat(64))
    }

    #[test]
    fn events_return_with_their_header() {
        let header = PageHeader {
            generation: 7,
            end: true,
            hint: Some(Hint::Finish),
        };
        let mut page = PageWriter::stored(header);
        page.push(event('1'));
        page.push(event('2'));
        let text = page.finish();
        assert!(text.starts_with(br#"{"generation":7,"end":true,"hint":"finish"}"#));
        let page = FoundPage::parse(text).unwrap();
        assert_eq!(page.header, header);
        let events: Vec<_> = page.events().map(|(_, json)| json).collect();
        assert_eq!(events, [event('1'), event('2')]);
    }

    #[test]
    fn the_longest_header_has_room() {
        let header = PageHeader {
            generation: u64::MAX,
            end: true,
            hint: Some(Hint::Finish),
        };
        let live = LiveHeader {
            seq: Some(i64::MIN),
            asks: Some(ProcessId::random()),
        };
        assert!(json(&header).len().max(json(&live).len()) <= HEADER_ROOM);
    }

    #[test]
    fn an_empty_page_is_a_page_and_noise_is_none() {
        let page = LivePage::parse(PageWriter::live(Some(3)).finish()).unwrap();
        assert_eq!((page.seq, page.events().count()), (Some(3), 0));
        assert!(FoundPage::parse(Bytes::from_static(b"hello")).is_none());
        assert!(FoundPage::parse(Bytes::new()).is_none());
    }
}
