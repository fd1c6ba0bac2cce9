//! Which subscriptions want an event.
//!
//! Each filter hangs on one of its fields: the one with the fewest values among ids, tags and authors, else its kinds,
//! else the list of those that have none. An event looks up its own id, author, tags and kind, and only the filters found
//! there are tested. A match costs the same whether a hundred or a hundred thousand other subscriptions exist.

use std::{collections::hash_map::Entry, sync::Arc};

use ahash::{AHashMap, RandomState};
use indexmap::IndexSet;
use parking_lot::Mutex;
use protocol::{Event, EventId, Filter, PublicKey, SearchRules, search::Searchable};
use shuttle_sync::sync::atomic::{AtomicU64, Ordering};
use slab::Slab;

use super::Subscription;

/// All filters of all connections of this process.
#[derive(Debug)]
pub struct LiveIndex {
    index: Mutex<Index>,
    events: AtomicU64,
    search: SearchRules,
}

/// Places of filters; removing one is as cheap as adding it, however many share a value.
type Places = IndexSet<usize, RandomState>;

#[derive(Debug, Default)]
struct Index {
    filters: Slab<(Arc<Subscription>, usize)>,
    places: AHashMap<Hook, Places>,
    hasher: RandomState,
}

/// What a filter hangs on, and what an event looks up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Hook {
    Id(EventId),
    Author(PublicKey),
    /// Hash of letter and value: a collision only makes a candidate more.
    Tag(u64),
    Kind(u16),
    /// Filters that have only times.
    Any,
}

/// Where a subscription hangs: needed to take it out.
#[derive(Debug, Default)]
pub struct Hung(Vec<usize>);

impl LiveIndex {
    /// An empty one. The rules tell which events filters that search may find.
    pub fn new(search: SearchRules) -> Self {
        Self {
            index: Mutex::default(),
            events: AtomicU64::default(),
            search,
        }
    }

    /// Adds the filters of a subscription; those that can match nothing are left out.
    pub fn insert(&self, subscription: &Arc<Subscription>) -> Hung {
        let mut index = self.index.lock();
        let filters = subscription.filters.iter().enumerate();
        let hung = filters
            .filter(|(_, filter)| !filter.matches_nothing())
            .map(|(at, filter)| {
                let place = index.filters.insert((Arc::clone(subscription), at));
                for hook in index.hooks(filter) {
                    index.places.entry(hook).or_default().insert(place);
                }
                place
            });
        Hung(hung.collect())
    }

    /// Takes out what [`Self::insert`] added.
    pub fn remove(&self, hung: &Hung) {
        let mut index = self.index.lock();
        for place in &hung.0 {
            let (subscription, at) = index.filters.remove(*place);
            for hook in index.hooks(&subscription.filters[at]) {
                index.unhook(hook, *place);
            }
        }
    }

    /// The subscriptions that want an event, each once. Whom it was signed for (NIP-26) counts as its author, too.
    pub fn matching(&self, event: &Event, delegator: Option<PublicKey>) -> Vec<Arc<Subscription>> {
        let number = 1 + self.events.fetch_add(1, Ordering::Relaxed);
        let (mut found, mut searching) = (Vec::new(), Vec::new());
        self.index
            .lock()
            .each_candidate(event, delegator, |subscription, at| {
                let filter = &subscription.filters[at];
                if !filter.matches_for(event, delegator) {
                    return;
                }
                if filter.searched().is_some() {
                    searching.push((Arc::clone(subscription), at));
                } else if subscription.found(number) {
                    found.push(Arc::clone(subscription));
                }
            });
        // Without the lock: the words of a long text take a while, and only searches pay for them.
        if !searching.is_empty()
            && let Some(words) = Searchable::of(event, &self.search)
        {
            searching.retain(|(subscription, at)| {
                let search = subscription.filters[*at].searched();
                search.is_some_and(|search| words.matches(search, &self.search)) && subscription.found(number)
            });
            found.extend(searching.into_iter().map(|(subscription, _)| subscription));
        }
        found
    }

    /// Filters in the index.
    pub fn len(&self) -> usize {
        self.index.lock().filters.len()
    }
}

impl Index {
    fn tag_key(&self, letter: u8, value: &str) -> u64 {
        self.hasher.hash_one((letter, value))
    }

    fn hooks(&self, filter: &Filter) -> Vec<Hook> {
        let tag = filter.tags.iter().min_by_key(|tag| tag.values.len());
        let tag_values = tag.map_or(usize::MAX, |tag| tag.values.len());
        match (&filter.ids, &filter.authors, tag) {
            (Some(ids), ..) => ids.iter().copied().map(Hook::Id).collect(),
            (_, Some(authors), _) if authors.len() <= tag_values => {
                authors.iter().copied().map(Hook::Author).collect()
            }
            (_, _, Some(tag)) => tag
                .values
                .iter()
                .map(|value| Hook::Tag(self.tag_key(tag.letter, value)))
                .collect(),
            _ => match &filter.kinds {
                Some(kinds) => kinds.iter().copied().map(Hook::Kind).collect(),
                None => vec![Hook::Any],
            },
        }
    }

    fn unhook(&mut self, hook: Hook, place: usize) {
        if let Entry::Occupied(mut places) = self.places.entry(hook) {
            places.get_mut().swap_remove(&place);
            if places.get().is_empty() {
                places.remove();
            }
        }
    }

    fn each_candidate(
        &self,
        event: &Event,
        delegator: Option<PublicKey>,
        mut test: impl FnMut(&Arc<Subscription>, usize),
    ) {
        let fields = [
            Hook::Id(event.id),
            Hook::Author(event.pubkey),
            Hook::Kind(event.kind.0),
            Hook::Any,
        ];
        let tags = event
            .tags
            .indexed()
            .map(|(letter, value)| Hook::Tag(self.tag_key(letter, value)));
        for place in fields
            .into_iter()
            .chain(delegator.map(Hook::Author))
            .chain(tags)
            .filter_map(|hook| self.places.get(&hook))
            .flatten()
        {
            let (subscription, at) = &self.filters[*place];
            test(subscription, *at);
        }
    }
}
