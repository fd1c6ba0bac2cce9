//! One event in memory: its bytes, and what filters ask for.

use bytes::Bytes;
use protocol::{EventId, Filter, Kind, PublicKey, Reader};

use crate::{
    keys::tag_key,
    recheck::{Recheck, has_recipient},
};

/// What an entry and its places in the lists take beside its JSON, measured on a realistic set of events.
const ENTRY_BYTES: usize = 320;
const TAG_BYTES: usize = 120;

/// A stored event.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub seq: i64,
    pub id: EventId,
    pub author: PublicKey,
    /// Whom it was signed for (NIP-26).
    pub delegator: Option<PublicKey>,
    pub kind: u16,
    pub created_at: u64,
    pub expires_at: Option<u64>,
    /// Tag keys, sorted.
    pub tags: Box<[i64]>,
    /// Canonical JSON.
    pub json: Bytes,
}

/// Newest last; of those equally old the lowest id last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub created_at: u64,
    /// The first 8 bytes of the id, turned.
    id: u64,
    /// Where the entry lies.
    pub slot: u32,
}

impl Place {
    pub fn of(entry: &Entry, slot: u32) -> Self {
        let mut head = [0; 8];
        head.copy_from_slice(&entry.id.as_bytes()[..8]);
        Self {
            created_at: entry.created_at,
            id: !u64::from_be_bytes(head),
            slot,
        }
    }
}

impl Entry {
    /// About what it takes in memory.
    pub fn bytes(&self) -> usize {
        self.json.len() + ENTRY_BYTES + self.tags.len() * TAG_BYTES
    }

    /// Who signed it, and whom for.
    pub fn authors(&self) -> impl Iterator<Item = PublicKey> {
        let delegator = self.delegator.filter(|delegator| *delegator != self.author);
        std::iter::once(self.author).chain(delegator)
    }

    fn is_expired(&self, now: u64) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}

/// A filter as entries are tested with it, for one reader.
pub(super) struct Test<'f> {
    filter: &'f Filter,
    reader: &'f Reader<'f>,
    /// Of each letter the keys of its values, sorted.
    pub tags: Vec<Vec<i64>>,
    recheck: Recheck,
    now: u64,
}

impl<'f> Test<'f> {
    pub fn new(filter: &'f Filter, reader: &'f Reader<'f>, now: u64) -> Self {
        let keys = |tag: &protocol::TagFilter| {
            let keys = tag.values.iter().map(|value| tag_key(tag.letter, value));
            let mut keys: Vec<i64> = keys.collect();
            keys.sort_unstable();
            keys
        };
        Self {
            filter,
            reader,
            tags: filter.tags.iter().map(keys).collect(),
            recheck: Recheck::new(filter),
            now,
        }
    }

    /// Whether the entry meets every condition.
    pub fn holds(&self, entry: &Entry) -> bool {
        let filter = self.filter;
        filter.since.is_none_or(|since| entry.created_at >= since)
            && filter.until.is_none_or(|until| entry.created_at <= until)
            && filter
                .kinds
                .as_ref()
                .is_none_or(|kinds| kinds.binary_search(&entry.kind).is_ok())
            && self.is_by_any(entry)
            && filter
                .ids
                .as_ref()
                .is_none_or(|ids| ids.binary_search(&entry.id).is_ok())
            && self.has_tags(entry)
            && !entry.is_expired(self.now)
            && self.reader.may_see(Kind(entry.kind), &entry.author, |key| {
                has_recipient(&entry.json, key)
            })
    }

    /// Private messages are by who signed them only.
    fn is_by_any(&self, entry: &Entry) -> bool {
        let Some(authors) = &self.filter.authors else {
            return true;
        };
        let is_asked = |author: &PublicKey| authors.binary_search(author).is_ok();
        is_asked(&entry.author)
            || entry.delegator.is_some_and(|key| is_asked(&key)) && !self.reader.keeps(Kind(entry.kind))
    }

    /// By 64 bits first: nearly all that do not match end there.
    fn has_tags(&self, entry: &Entry) -> bool {
        self.tags.is_empty()
            || self.tags.iter().all(|keys| have_common(keys, &entry.tags)) && self.recheck.holds(&entry.json)
    }
}

/// Whether two sorted lists have anything in common. The shorter one is gone through: a filter may have thousands of values, and an
/// event a few tags, or the other way round.
fn have_common(one: &[i64], other: &[i64]) -> bool {
    let (short, long) = if one.len() < other.len() {
        (one, other)
    } else {
        (other, one)
    };
    short.iter().any(|key| long.binary_search(key).is_ok())
}
