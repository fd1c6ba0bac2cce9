//! Events out: what matches filters, newest first, as the bytes that were stored.

use std::collections::HashSet;

use bytes::Bytes;
use protocol::{EventId, Filter, Kind, PublicKey, Reader, View};
use sqlx::{Row, postgres::PgRow};

use crate::{
    Store, StoreError,
    batch::signed,
    connections::Connections,
    filter_sql::{Driver, FilterQuery, Wanted, at_a_glance, by_id, newest},
    plan::{Plan, Rarity},
    recheck::{Recheck, has_recipient},
    search::tsquery,
};

/// A stored event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its id.
    pub id: EventId,
    /// Unix seconds.
    pub created_at: u64,
    /// Its canonical JSON, byte for byte.
    pub json: Bytes,
}

/// What matched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Newest first; of those equally old the lowest id first; each once. If a filter searches: what each filter found, one
    /// after the other, and of a search the best first.
    pub events: Vec<StoredEvent>,
    /// What they leave out.
    pub rest: Rest,
}

/// Stored events that match and are not in an answer (NIP-67).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rest {
    /// There are none.
    #[default]
    Nothing,
    /// There may be some: to know it would take another query.
    Unknown,
    /// There are some, among them this one.
    Event(EventId),
}

impl Store {
    /// What matches any of the filters, may be seen by the reader and is not expired at `now` (unix seconds). Each filter has
    /// its own limit; a filter without one gets nothing.
    pub async fn query(
        &self,
        filters: &[Filter],
        reader: &Reader<'_>,
        now: u64,
    ) -> Result<Found, StoreError> {
        let mut answers = match &self.window {
            Some(window) => window.answer(filters, reader, now, self.change).await,
            None => Vec::new(),
        }
        .into_iter();
        let (mut all, mut rests) = (Found::default(), Vec::with_capacity(filters.len()));
        for filter in filters {
            let found = match answers.next().flatten() {
                Some(found) => found,
                None if filter.searched().is_some() => self.search(filter, now).await?,
                None if filter.ids.is_some() => self.with_ids(filter, reader, now).await?,
                None => self.query_one(filter, reader, now).await?,
            };
            rests.push(found.rest);
            all.events.extend(found.events);
        }
        if filters.iter().any(|filter| filter.searched().is_some()) {
            // In the order of their quality: one filter's after the other's.
            let mut seen = HashSet::with_capacity(all.events.len());
            all.events.retain(|event| seen.insert(event.id));
        } else if filters.len() > 1 {
            all.events.sort_unstable_by_key(newest_first);
            all.events.dedup_by_key(|event| event.id);
        }
        all.rest = all.left_out_by_all(&rests);
        Ok(all)
    }

    async fn query_one(&self, filter: &Filter, reader: &Reader<'_>, now: u64) -> Result<Found, StoreError> {
        let views = reader.views(filter);
        let parts = self.wanted_each(&views).await?;
        if let [wanted] = &parts[..] {
            return self.query_part(wanted, now).await;
        }
        let mut found = Vec::with_capacity(parts.len());
        for wanted in &parts {
            found.push(self.query_part(wanted, now).await?);
        }
        Ok(Found::newest_of(found, limit(filter)))
    }

    /// The ids bound the work: who may see what is asked of each event.
    async fn with_ids(&self, filter: &Filter, reader: &Reader<'_>, now: u64) -> Result<Found, StoreError> {
        let whole = View::of(filter);
        let Some(own) = self.wanted(&whole).await? else {
            return Ok(Found::default());
        };
        let delegated = self.as_delegators(&own).map(|delegated| Wanted {
            without: reader.private_kinds(),
            ..delegated
        });
        let is_concerned = reader.is_concerned(filter);
        // One more than is sent tells whether there is more.
        let asked = match &filter.ids {
            Some(ids) if is_concerned => ids.len(),
            _ => limit(filter).saturating_add(1),
        };
        let asked = i64::try_from(asked).unwrap_or(i64::MAX);
        let mut events = Vec::new();
        for wanted in [own].iter().chain(&delegated) {
            let query = by_id(wanted, asked, signed(now));
            events.extend(self.fetch(&query, filter, &self.reads).await?.1);
        }
        if is_concerned {
            events.retain(|event| may_see(reader, &event.json));
        }
        Ok(Found::cut(events, limit(filter)))
    }

    async fn query_part(&self, wanted: &Wanted<'_>, now: u64) -> Result<Found, StoreError> {
        let limit = limit(wanted.filter);
        let mut plan = match self.plan_if_rare(wanted).await? {
            Rarity::Rare(plan) => plan,
            Rarity::Popular(counted) => match self.glance(wanted, now).await? {
                Some(found) => return Ok(found),
                None => self.plan_if_popular(wanted, now, counted).await?,
            },
        };
        loop {
            let events = self.newest(wanted, &plan, now).await?;
            if events.len() > limit || plan.since <= wanted.since() {
                return Ok(Found::cut(events, limit));
            }
            let asked = limit.saturating_add(1);
            plan = self.further_back(wanted, now, plan, events.len(), asked).await?;
        }
    }

    /// What is popular may be among the newest by the filter's `until`. What is newest of all is in the memory of who asks, and was not enough.
    async fn glance(&self, wanted: &Wanted<'_>, now: u64) -> Result<Option<Found>, StoreError> {
        if wanted.filter.tags.is_empty() || wanted.filter.until.is_none() {
            return Ok(None);
        }
        let limit = limit(wanted.filter);
        let n = i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX);
        let query = at_a_glance(wanted, self.bounds, n, signed(now));
        let (_, events) = self.fetch(&query, wanted.filter, &self.reads).await?;
        Ok((events.len() > limit).then(|| Found::cut(events, limit)))
    }

    /// At least one more than the limit, if there are so many.
    async fn newest(
        &self,
        wanted: &Wanted<'_>,
        plan: &Plan,
        now: u64,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        let limit = limit(wanted.filter);
        let mut asked = limit.saturating_add(1);
        loop {
            let n = i64::try_from(asked).unwrap_or(i64::MAX);
            let query = newest(wanted, plan.driver, plan.since, plan.is_sparse, n, signed(now));
            let (rows, events) = self.fetch(&query, wanted.filter, &self.reads).await?;
            if rows < asked || events.len() > limit {
                return Ok(events);
            }
            // Some had expired, or only shared 64 bits of a tag. Both are rare; should somebody make them many, the
            // statement's timeout ends it.
            asked = asked.saturating_mul(4);
        }
    }

    /// The number of rows, and the events that they really are.
    pub(crate) async fn fetch(
        &self,
        query: &FilterQuery,
        filter: &Filter,
        connections: &Connections,
    ) -> Result<(usize, Vec<StoredEvent>), StoreError> {
        let recheck = Recheck::new(filter);
        let read = |rows: Vec<PgRow>| -> Result<_, sqlx::Error> {
            let mut events = Vec::with_capacity(rows.len());
            for row in &rows {
                events.extend(read(row, &recheck)?);
            }
            Ok((rows.len(), events))
        };
        let failed = StoreError::during("query events");
        let rows = query.bind().fetch_all(connections).await;
        rows.and_then(read).map_err(failed)
    }

    /// What can match, each part with what drives it; ids and searches need no driver.
    pub(crate) async fn wanted_all<'f>(
        &self,
        views: &'f [View<'f>],
        now: u64,
    ) -> Result<Vec<(Wanted<'f>, Option<Driver>)>, StoreError> {
        let mut all = Vec::with_capacity(views.len());
        for wanted in self.wanted_each(views).await? {
            let driver = if wanted.filter.ids.is_some() || wanted.search.is_some() {
                None
            } else {
                Some(self.driver(&wanted, now).await?)
            };
            all.push((wanted, driver));
        }
        Ok(all)
    }

    /// What can match: by those who signed, and by those whom they signed for.
    pub(crate) async fn wanted_each<'f>(&self, views: &'f [View<'f>]) -> Result<Vec<Wanted<'f>>, StoreError> {
        let mut all = Vec::with_capacity(views.len());
        for view in views {
            let own = self.wanted(view).await?;
            let delegated = own.as_ref().and_then(|own| self.as_delegators(own));
            all.extend(own.into_iter().chain(delegated));
        }
        Ok(all)
    }

    /// `None` when nothing can match.
    pub(crate) async fn wanted<'f>(&self, view: &'f View<'_>) -> Result<Option<Wanted<'f>>, StoreError> {
        let filter = view.filter.as_ref();
        if filter.matches_nothing() {
            return Ok(None);
        }
        let authors = match &filter.authors {
            Some(pubkeys) => Some(self.author_ids(pubkeys).await?),
            None => None,
        };
        let is_nobody = authors.as_ref().is_some_and(Vec::is_empty);
        if is_nobody {
            return Ok(None);
        }
        let wanted = Wanted {
            filter,
            authors,
            as_delegators: false,
            is_private: view.is_private,
            without: view.without,
            search: None,
        };
        let Some(search) = filter.searched() else {
            return Ok(Some(wanted));
        };
        // Where nothing is searchable nothing is found.
        Ok(self.searching.as_ref().map(|searching| {
            let (authors, kinds) = (wanted.authors.as_deref(), filter.kinds.as_deref());
            Wanted {
                search: Some(tsquery(search, &searching.rules, authors, kinds)),
                ..wanted
            }
        }))
    }

    /// The same filter by those whom events were signed for. In a search they are marks like who signed; private messages are
    /// by who signed them only.
    fn as_delegators<'f>(&self, wanted: &Wanted<'f>) -> Option<Wanted<'f>> {
        if wanted.search.is_some() || wanted.is_private {
            return None;
        }
        let authors = wanted.authors.clone().filter(|_| self.delegation)?;
        Some(Wanted {
            filter: wanted.filter,
            authors: Some(authors),
            as_delegators: true,
            is_private: false,
            without: wanted.without,
            search: None,
        })
    }
}

impl Found {
    /// Whether nothing that matches was left out.
    pub fn is_complete(&self) -> bool {
        self.rest == Rest::Nothing
    }

    /// What one filter left out another may have found.
    fn left_out_by_all(&self, rests: &[Rest]) -> Rest {
        let is_missing = |rest: &Rest| match rest {
            Rest::Event(id) => !self.events.iter().any(|event| event.id == *id),
            Rest::Nothing | Rest::Unknown => false,
        };
        if let Some(rest) = rests.iter().find(|rest| is_missing(rest)) {
            return *rest;
        }
        if rests.iter().all(|rest| *rest == Rest::Nothing) {
            Rest::Nothing
        } else {
            Rest::Unknown
        }
    }

    /// The newest of several parts, as many as the limit allows.
    fn newest_of(parts: Vec<Self>, limit: usize) -> Self {
        let cut = parts.iter().map(|part| part.rest);
        let cut = cut.fold(Rest::Nothing, |rest, other| match rest {
            Rest::Nothing => other,
            rest => rest,
        });
        let all = Self::cut(parts.into_iter().flat_map(|part| part.events).collect(), limit);
        let rest = match all.rest {
            Rest::Nothing => cut,
            rest => rest,
        };
        Self { rest, ..all }
    }

    /// The newest of them, as many as the limit allows.
    pub(crate) fn cut(mut events: Vec<StoredEvent>, limit: usize) -> Self {
        events.sort_unstable_by_key(newest_first);
        events.dedup_by_key(|event| event.id);
        let rest = Rest::after(&events, limit);
        events.truncate(limit);
        Self { events, rest }
    }
}

impl Rest {
    /// What a limit leaves out of all that there is.
    pub(crate) fn after(events: &[StoredEvent], limit: usize) -> Self {
        events
            .get(limit)
            .map_or(Self::Nothing, |event| Self::Event(event.id))
    }
}

fn read(row: &PgRow, recheck: &Recheck) -> Result<Option<StoredEvent>, sqlx::Error> {
    let Some(raw) = row
        .try_get::<Option<&[u8]>, _>(2)?
        .filter(|raw| recheck.holds(raw))
    else {
        return Ok(None);
    };
    let id: [u8; 32] = row.try_get(0)?;
    let created_at: i64 = row.try_get(1)?;
    Ok(Some(StoredEvent {
        id: EventId::from_bytes(id),
        created_at: created_at.unsigned_abs(),
        json: Bytes::copy_from_slice(raw),
    }))
}

fn limit(filter: &Filter) -> usize {
    filter.limit.unwrap_or(0) as usize
}

/// What is not an event as we write it is seen by nobody.
fn may_see(reader: &Reader<'_>, json: &[u8]) -> bool {
    let (Some(kind), Some(author)) = (Kind::of_canonical(json), PublicKey::of_canonical(json)) else {
        return false;
    };
    reader.may_see(kind, &author, |key| has_recipient(json, key))
}

fn newest_first(event: &StoredEvent) -> (std::cmp::Reverse<u64>, EventId) {
    (std::cmp::Reverse(event.created_at), event.id)
}
