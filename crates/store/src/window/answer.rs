//! A filter answered from memory, if that is the whole answer.
//!
//! The lists that the filter's rarest condition names are merged, newest first, and what comes is tested with the rest
//! of the filter. It is the answer when the limit is reached (one more tells that there is more), when the filter does
//! not reach below the window, or when there cannot be more: an author has one event of a replaceable kind.

use std::collections::BinaryHeap;

use protocol::{Filter, Kind, KindClass, Reader};

use super::{
    contents::{Contents, List},
    entry::{Place, Test},
};
use crate::query::{Found, StoredEvent};

/// Events that are looked at. Beyond it Postgres is asked, whose indexes know more of tags.
pub(super) const LOOKS: usize = 50_000;

impl Contents {
    /// The answer, or `None` when Postgres has to be asked.
    pub fn answer(&self, filter: &Filter, reader: &Reader<'_>, now: u64) -> Option<Found> {
        if filter.searched().is_some() {
            return None;
        }
        if filter.matches_nothing() {
            return Some(Found::default());
        }
        let test = Test::new(filter, reader, now);
        let limit = filter.limit.unwrap_or(0) as usize;
        if filter.ids.is_some() {
            return self.by_ids(filter, &test).map(|events| Found::cut(events, limit));
        }
        let is_covered = self.covers(filter);
        let lists = self.lists(filter, &test);
        let enough = limit.saturating_add(1).min(self.at_most(filter));
        if !is_covered && candidates(&lists) < enough {
            return None;
        }
        let mut walk = Walk::new(lists, filter);
        let mut events = Vec::with_capacity(enough.min(walk.candidates));
        let mut looks = 0;
        while events.len() < enough
            && let Some(place) = walk.next()
        {
            looks += 1;
            if looks > LOOKS {
                return None;
            }
            let entry = self.entry(place);
            if test.holds(entry) {
                events.push(StoredEvent {
                    id: entry.id,
                    created_at: entry.created_at,
                    json: entry.json.clone(),
                });
            }
        }
        (is_covered || events.len() >= enough).then(|| Found::cut(events, limit))
    }

    /// Whether there is hope for an answer: a cheap look, for which the window need not be up to date.
    pub fn may_answer(&self, filter: &Filter, now: u64) -> bool {
        if filter.searched().is_some() || filter.until.is_some_and(|until| until < self.floor()) {
            return false;
        }
        if let Some(ids) = &filter.ids {
            return self.floor() == 0 || ids.iter().all(|id| self.with_id(id).is_some());
        }
        let enough = (filter.limit.unwrap_or(0) as usize + 1).min(self.at_most(filter));
        self.covers(filter)
            || candidates(&self.lists(filter, &Test::new(filter, &Reader::OPERATOR, now))) >= enough
    }

    /// Whether everything that the filter asks for is young enough.
    pub(super) fn covers(&self, filter: &Filter) -> bool {
        filter.since.unwrap_or(0) >= self.floor()
    }

    fn by_ids(&self, filter: &Filter, test: &Test) -> Option<Vec<StoredEvent>> {
        let mut events = Vec::new();
        for id in filter.ids.iter().flatten() {
            match self.with_id(id) {
                Some(entry) if test.holds(entry) => events.push(StoredEvent {
                    id: entry.id,
                    created_at: entry.created_at,
                    json: entry.json.clone(),
                }),
                Some(_) => {}
                None if self.covers(filter) => {}
                None => return None,
            }
        }
        Some(events)
    }

    /// How many events there can be at most. Of those whom others sign for nobody knows.
    fn at_most(&self, filter: &Filter) -> usize {
        let is_replaceable = |kind: &u16| Kind(*kind).class() == KindClass::Replaceable;
        match (&filter.authors, &filter.kinds) {
            (Some(authors), Some(kinds)) if !self.delegation && kinds.iter().all(is_replaceable) => {
                authors.len() * kinds.len()
            }
            _ => usize::MAX,
        }
    }

    /// The lists of the rarest condition.
    pub(super) fn lists<'c>(&'c self, filter: &'c Filter, test: &Test) -> Vec<&'c List> {
        let of_tags = test
            .tags
            .iter()
            .map(|keys| keys.iter().filter_map(|key| self.with_tag(*key)).collect());
        let of_authors = filter.authors.iter().map(|authors| {
            let kinds = filter.kinds.as_deref();
            authors
                .iter()
                .flat_map(|author| self.of_author(author, kinds))
                .collect()
        });
        let rarest = of_tags
            .chain(of_authors)
            .min_by_key(|lists: &Vec<&List>| candidates(lists));
        rarest.unwrap_or_else(|| match &filter.kinds {
            Some(kinds) => kinds.iter().filter_map(|kind| self.of_kind(*kind)).collect(),
            None => vec![self.all()],
        })
    }
}

pub(super) fn candidates(lists: &[&List]) -> usize {
    lists.iter().map(|list| list.len()).sum()
}

/// Several lists as one, newest first, each event once.
pub(super) struct Walk<'c> {
    lists: Vec<&'c List>,
    /// Of each list that is not at its end: the newest place not yet given, the list, the place's position in it.
    heads: BinaryHeap<(Place, usize, usize)>,
    since: u64,
    last: Option<Place>,
    candidates: usize,
}

impl<'c> Walk<'c> {
    pub fn new(lists: Vec<&'c List>, filter: &Filter) -> Self {
        let since = filter.since.unwrap_or(0);
        let head = |(number, list): (usize, &&'c List)| {
            let end = match filter.until {
                None => list.len(),
                Some(until) => list.partition_point(|place| place.created_at <= until),
            };
            let at = end.checked_sub(1)?;
            list.get(at).map(|place| (*place, number, at))
        };
        let heads = lists
            .iter()
            .enumerate()
            .filter_map(head)
            .filter(|(place, ..)| place.created_at >= since)
            .collect();
        Self {
            candidates: candidates(&lists),
            heads,
            lists,
            since,
            last: None,
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = Place;

    fn next(&mut self) -> Option<Place> {
        loop {
            let mut head = self.heads.peek_mut()?;
            let (place, number, at) = *head;
            let before = at
                .checked_sub(1)
                .and_then(|at| Some((*self.lists[number].get(at)?, at)));
            match before.filter(|(place, _)| place.created_at >= self.since) {
                Some((place, at)) => {
                    *head = (place, number, at);
                    drop(head);
                }
                None => {
                    std::collections::binary_heap::PeekMut::pop(head);
                }
            }
            // Several values of a tag in one event.
            if self.last.replace(place) != Some(place) {
                return Some(place);
            }
        }
    }
}
