//! A batch of events as the arrays that `ingest()` takes.

use protocol::{Address, EventId, Kind, VerifiedEvent};

use crate::keys::{id_head, replace_key, tag_keys};

/// Columns, one element an event, and what its deletion requests aim at.
#[derive(Debug, Default)]
pub(crate) struct Batch<'e> {
    pub ids: Vec<&'e [u8]>,
    /// Their numbers.
    pub authors: Vec<i32>,
    pub kinds: Vec<i32>,
    pub created: Vec<i64>,
    pub heads: Vec<i64>,
    pub expires: Vec<Option<i64>>,
    pub keys: Vec<Option<Vec<u8>>>,
    pub raws: Vec<&'e [u8]>,
    /// All tag keys, one event after the other.
    pub tags: Vec<i64>,
    /// Where the tag keys of each event end.
    pub tag_ends: Vec<i32>,
    /// The numbers of those whom events were signed for (NIP-26); empty when there is none.
    pub delegators: Vec<Option<i32>>,
    pub targets: Targets<'e>,
}

/// What is asked to be deleted (NIP-09).
#[derive(Debug, Default)]
pub(crate) struct Targets<'e> {
    pub targets: Vec<Vec<u8>>,
    pub authors: Vec<i32>,
    /// For addresses: versions up to this time.
    pub until: Vec<Option<i64>>,
    pub deletions: Vec<&'e [u8]>,
}

impl<'e> Batch<'e> {
    /// Columns of these events with their replace keys, and of the numbers of their authors.
    pub fn new(events: &[(&'e VerifiedEvent, Option<[u8; 32]>)], authors: Vec<i32>) -> Self {
        let mut batch = Self::default();
        for ((event, key), author) in events.iter().zip(&authors) {
            batch.push(event, *key, *author);
        }
        batch.authors = authors;
        batch
    }

    fn push(&mut self, event: &'e VerifiedEvent, key: Option<[u8; 32]>, author: i32) {
        let (kind, created) = (i32::from(event.kind.0), signed(event.created_at));
        self.ids.push(event.event().id.as_bytes());
        self.kinds.push(kind);
        self.created.push(created);
        self.heads.push(id_head(&event.id()));
        // A bad expiration is refused by policy; here it means never.
        self.expires.push(event.expiration().ok().flatten().map(signed));
        self.keys.push(key.map(Vec::from));
        self.raws.push(event.json().as_bytes());
        self.tags.extend(tag_keys(event));
        self.tag_ends
            .push(i32::try_from(self.tags.len()).unwrap_or(i32::MAX));
        if event.kind == Kind::DELETION {
            self.targets.push(event, author);
        }
    }
}

impl<'e> Targets<'e> {
    fn push(&mut self, deletion: &'e VerifiedEvent, author: i32) {
        for (letter, value) in deletion.tags.indexed() {
            match letter {
                b'e' => {
                    if let Ok(id) = value.parse::<EventId>() {
                        self.add(id.as_bytes().to_vec(), None, deletion, author);
                    }
                }
                b'a' => {
                    // Only the author's own.
                    if let Ok(address) = value.parse::<Address>()
                        && address.pubkey == deletion.pubkey
                    {
                        self.add(
                            replace_key(&address).to_vec(),
                            Some(signed(deletion.created_at)),
                            deletion,
                            author,
                        );
                    }
                }
                _ => {}
            }
        }
    }

    fn add(&mut self, target: Vec<u8>, until: Option<i64>, deletion: &'e VerifiedEvent, author: i32) {
        self.targets.push(target);
        self.authors.push(author);
        self.until.push(until);
        self.deletions.push(deletion.event().id.as_bytes());
    }
}

/// Times are bounded by `MAX_CREATED_AT` when they are parsed.
pub(crate) fn signed(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}
