//! What is in the window, and by what it is found.

use std::collections::VecDeque;

use ahash::AHashMap;
use protocol::{EventId, PublicKey};
use slab::Slab;

use super::entry::{Entry, Place};

/// Places in their order, newest last. Events come and go at the ends, but for a few.
pub(super) type List = VecDeque<Place>;

/// Every stored event that is not older than [`Contents::floor`].
#[derive(Debug, Default)]
pub(super) struct Contents {
    entries: Slab<Entry>,
    by_seq: AHashMap<i64, u32>,
    by_id: AHashMap<EventId, u32>,
    by_time: List,
    by_kind: AHashMap<u16, List>,
    /// Of each author the kinds: few.
    by_author: AHashMap<PublicKey, Vec<(u16, List)>>,
    by_tag: AHashMap<i64, List>,
    bytes: usize,
    floor: u64,
    /// Whether an author may have events that others signed.
    pub(super) delegation: bool,
}

impl Contents {
    /// Nothing yet. `delegation`: whether an author may have events that others signed (NIP-26).
    pub fn new(delegation: bool) -> Self {
        Self {
            delegation,
            ..Self::default()
        }
    }

    /// Nothing older than this is in it; 0: everything that is stored is in it.
    pub fn floor(&self) -> u64 {
        self.floor
    }

    /// About what it takes in memory.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn entry(&self, place: Place) -> &Entry {
        self.at(place.slot)
    }

    pub fn with_id(&self, id: &EventId) -> Option<&Entry> {
        self.slot(id).map(|slot| self.at(slot))
    }

    pub fn slot(&self, id: &EventId) -> Option<u32> {
        self.by_id.get(id).copied()
    }

    pub fn at(&self, slot: u32) -> &Entry {
        &self.entries[slot as usize]
    }

    pub fn all(&self) -> &List {
        &self.by_time
    }

    pub fn of_kind(&self, kind: u16) -> Option<&List> {
        self.by_kind.get(&kind)
    }

    pub fn with_tag(&self, key: i64) -> Option<&List> {
        self.by_tag.get(&key)
    }

    /// Of one author: of these kinds, or of every kind.
    pub fn of_author<'c>(
        &'c self,
        author: &PublicKey,
        kinds: Option<&'c [u16]>,
    ) -> impl Iterator<Item = &'c List> {
        let of_author = self.by_author.get(author).map_or(&[][..], Vec::as_slice);
        of_author
            .iter()
            .filter(move |(kind, _)| kinds.is_none_or(|kinds| kinds.binary_search(kind).is_ok()))
            .map(|(_, list)| list)
    }

    /// Adds an event, unless it is there or too old.
    pub fn insert(&mut self, entry: Entry) {
        if entry.created_at < self.floor || self.by_seq.contains_key(&entry.seq) {
            return;
        }
        let vacant = self.entries.vacant_entry();
        // A window of four thousand million events does not fit any memory.
        let slot = u32::try_from(vacant.key()).unwrap_or(u32::MAX);
        let place = Place::of(&entry, slot);
        self.bytes += entry.bytes();
        self.by_seq.insert(entry.seq, slot);
        self.by_id.insert(entry.id, slot);
        put(&mut self.by_time, place);
        put(self.by_kind.entry(entry.kind).or_default(), place);
        for key in &entry.tags {
            put(self.by_tag.entry(*key).or_default(), place);
        }
        for author in entry.authors() {
            let of_author = self.by_author.entry(author).or_default();
            match of_author.iter_mut().find(|(kind, _)| *kind == entry.kind) {
                Some((_, list)) => put(list, place),
                None => of_author.push((entry.kind, List::from([place]))),
            }
        }
        vacant.insert(entry);
    }

    /// Takes an event out, if it is there.
    pub fn remove(&mut self, seq: i64) {
        let Some(slot) = self.by_seq.remove(&seq) else {
            return;
        };
        let entry = self.entries.remove(slot as usize);
        let place = Place::of(&entry, slot);
        self.bytes -= entry.bytes();
        self.by_id.remove(&entry.id);
        take(&mut self.by_time, place);
        if let Some(list) = self.by_kind.get_mut(&entry.kind) {
            take(list, place);
        }
        for key in &entry.tags {
            if let Some(list) = self.by_tag.get_mut(key) {
                take(list, place);
                if list.is_empty() {
                    self.by_tag.remove(key);
                }
            }
        }
        for author in entry.authors() {
            self.remove_of_author(&author, entry.kind, place);
        }
    }

    fn remove_of_author(&mut self, author: &PublicKey, kind: u16, place: Place) {
        let Some(of_author) = self.by_author.get_mut(author) else {
            return;
        };
        for (_, list) in of_author.iter_mut().filter(|(of, _)| *of == kind) {
            take(list, place);
        }
        of_author.retain(|(_, list)| !list.is_empty());
        if of_author.is_empty() {
            self.by_author.remove(author);
        }
    }

    /// Drops the oldest until it takes no more than `bytes`.
    pub fn shrink(&mut self, bytes: usize) {
        while self.bytes > bytes
            && let Some(oldest) = self.by_time.front()
        {
            self.raise_floor(oldest.created_at + 1);
        }
    }

    /// Drops what is older.
    pub fn raise_floor(&mut self, floor: u64) {
        self.floor = self.floor.max(floor);
        while let Some(oldest) = self.by_time.front().filter(|place| place.created_at < self.floor) {
            let seq = self.entry(*oldest).seq;
            self.remove(seq);
        }
    }
}

fn put(list: &mut List, place: Place) {
    if list.back().is_none_or(|newest| *newest < place) {
        return list.push_back(place);
    }
    list.insert(list.partition_point(|other| *other < place), place);
}

fn take(list: &mut List, place: Place) {
    if let Ok(at) = list.binary_search(&place) {
        list.remove(at);
    }
}
