//! COUNT from memory, if everything that the filters ask for lies in it.

use std::collections::HashSet;

use protocol::{Filter, Hll, HllOffset, Reader};

use super::{
    Window,
    answer::{LOOKS, Walk, candidates},
    contents::Contents,
    entry::{Entry, Place, Test},
};
use crate::count::AuthorCount;

impl Window {
    /// What matches any of the filters, each event once; `None` when Postgres has to be asked.
    pub async fn count(
        &self,
        filters: &[Filter],
        reader: &Reader<'_>,
        now: u64,
        change: Option<u64>,
    ) -> Option<u64> {
        self.look(filters, now, change, |contents| {
            let mut found = HashSet::new();
            let mut count = 0;
            for filter in filters {
                contents.each(filter, reader, now, |place, _| {
                    count += u64::from(filters.len() == 1 || found.insert(place.slot));
                });
            }
            count
        })
        .await
    }

    /// What matches the filter, and the registers of the authors; `None` when Postgres has to be asked.
    pub async fn count_authors(
        &self,
        filter: &Filter,
        offset: HllOffset,
        reader: &Reader<'_>,
        now: u64,
        change: Option<u64>,
    ) -> Option<AuthorCount> {
        self.look(std::slice::from_ref(filter), now, change, |contents| {
            let (mut count, mut hll) = (0, Hll::default());
            contents.each(filter, reader, now, |_, entry| {
                count += 1;
                hll.add(&entry.author, offset);
            });
            AuthorCount { count, hll }
        })
        .await
    }

    async fn look<T>(
        &self,
        filters: &[Filter],
        now: u64,
        change: Option<u64>,
        count: impl FnOnce(&Contents) -> T,
    ) -> Option<T> {
        let holds_all = |contents: &Contents| filters.iter().all(|filter| contents.holds_all(filter, now));
        // First without being up to date: most counts ask for all times.
        let may_count = self
            .contents
            .read()
            .as_ref()
            .is_some_and(|followed| holds_all(&followed.contents));
        if !may_count || !self.catch_up_or_give_up(change).await {
            return None;
        }
        let followed = self.contents.read();
        let contents = &followed.as_ref()?.contents;
        holds_all(contents).then(|| count(contents))
    }
}

impl Contents {
    /// Whether nothing that the filter asks for is older than what is here, and it is not too much to look at.
    fn holds_all(&self, filter: &Filter, now: u64) -> bool {
        filter.search.is_none()
            && (filter.matches_nothing()
                || self.covers(filter)
                    && (filter.ids.is_some()
                        || candidates(&self.lists(filter, &Test::new(filter, &Reader::OPERATOR, now)))
                            <= LOOKS))
    }

    /// Each event that matches and may be seen, once.
    fn each(&self, filter: &Filter, reader: &Reader<'_>, now: u64, mut found: impl FnMut(Place, &Entry)) {
        if filter.matches_nothing() {
            return;
        }
        let test = Test::new(filter, reader, now);
        if let Some(ids) = &filter.ids {
            for slot in ids.iter().filter_map(|id| self.slot(id)) {
                let entry = self.at(slot);
                if test.holds(entry) {
                    found(Place::of(entry, slot), entry);
                }
            }
            return;
        }
        for place in Walk::new(self.lists(filter, &test), filter) {
            let entry = self.entry(place);
            if test.holds(entry) {
                found(place, entry);
            }
        }
    }
}
