//! All that match a filter as records of 48 bytes: what a reconciliation (NIP-77) compares. A set is read once, and then
//! follows what is stored and removed.

use std::{collections::HashSet, time::Duration};

use futures::TryStreamExt;
use protocol::{Event, EventId, Filter, Reader};
use sqlx::{AssertSqlSafe, Executor, Row, postgres::PgRow};
use tokio::time::{Instant, sleep};

use crate::{
    GRACE, Store, StoreError,
    batch::signed,
    filter_sql::{FilterQuery, records},
    recheck::Recheck,
};

/// New events and removals up to which a set follows; beyond it is read anew.
const STEP: i64 = 10_000;

/// Rows after which whoever reads them rests for as long as they took: Postgres, which then has nobody to send to, and this process
/// would else take two cores from everybody until a set is read.
const UNTIL_A_REST: usize = 1_024;

/// What a reconciliation compares of an event. Sorted as NIP-77 wants it: by time, then by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// Unix seconds.
    pub created_at: u64,
    /// Its id.
    pub id: EventId,
    /// Its sequence number: which it is among those that are removed.
    pub seq: i64,
}

/// Every event that matched a filter at some moment.
#[derive(Debug, Clone, Default)]
pub struct RecordSet {
    /// Sorted, each once.
    pub records: Vec<Record>,
    /// Up to where what was stored and removed is known.
    position: Position,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Position {
    seq: i64,
    removal: i64,
}

/// What came since.
#[derive(Debug, Default)]
struct News {
    records: Vec<Record>,
    removed: HashSet<i64>,
    /// What is still there and has expired: its removal is news only when it comes.
    expired: HashSet<i64>,
    position: Position,
    rows: i64,
}

impl Store {
    /// The set of a filter as a reader may know it, without what has expired at `now` (unix seconds); `None` when it has more
    /// than `most` records. A limit takes the newest.
    pub async fn record_set(
        &self,
        filter: &Filter,
        reader: &Reader<'_>,
        most: u32,
        patience: Duration,
        now: u64,
    ) -> Result<Option<RecordSet>, StoreError> {
        // What comes while it is read may be in it and is seen again by following; nothing is missed.
        let mut set = RecordSet {
            records: Vec::new(),
            position: self.position().await?,
        };
        for part in self.wanted_all(&reader.views(filter), now).await? {
            let (query, recheck) = (
                records(&part, most.into(), signed(now)),
                Recheck::new(part.0.filter),
            );
            let read = self.read_records(&query, &recheck, patience).await;
            match read.map_err(failed)? {
                Some(records) => set.records.extend(records),
                None => return Ok(None),
            }
        }
        set.records.sort_unstable();
        // What is by two authors, or to oneself.
        set.records.dedup();
        set.cut(filter.limit);
        Ok((set.records.len() <= most as usize).then_some(set))
    }

    /// The same set as of now: `None` when so much came that it is better read anew.
    pub async fn follow_records(
        &self,
        set: &RecordSet,
        filter: &Filter,
        reader: &Reader<'_>,
        now: u64,
    ) -> Result<Option<Followed>, StoreError> {
        let is_wanted = |event: &Event| {
            let delegator = event
                .delegator()
                .filter(|_| self.delegation && !reader.keeps(event.kind));
            filter.matches_for(event, delegator) && reader.may_see_event(event)
        };
        let news = self.news(set.position, is_wanted, now).await?;
        let lapses = !news.expired.is_empty()
            && set
                .records
                .iter()
                .any(|record| news.expired.contains(&record.seq));
        let is_too_much = news.rows > STEP || news.expired.len() as i64 > STEP;
        if is_too_much || filter.limit.is_some() && (news.rows > 0 || lapses) {
            return Ok(None);
        }
        if news.position == set.position && !lapses {
            return Ok(Some(Followed::Same));
        }
        Ok(Some(Followed::New(set.with(news))))
    }

    async fn position(&self) -> Result<Position, StoreError> {
        let row = sqlx::query(
            "SELECT coalesce((SELECT max(seq) FROM events), 0), coalesce((SELECT max(n) FROM removals), 0)",
        )
        .fetch_one(&self.reads)
        .await
        .map_err(failed)?;
        let column = |at: usize| row.try_get(at).map_err(failed);
        Ok(Position {
            seq: column(0)?,
            removal: column(1)?,
        })
    }

    /// In a stream: as rows a million of them would take ten times the memory.
    async fn read_records(
        &self,
        query: &FilterQuery,
        recheck: &Recheck,
        patience: Duration,
    ) -> Result<Option<Vec<Record>>, sqlx::Error> {
        let mut transaction = self.counts.begin().await?.within(patience + GRACE);
        let timeout = format!("SET LOCAL statement_timeout = {}", patience.as_millis());
        transaction.execute(AssertSqlSafe(timeout)).await?;
        let mut records = Vec::new();
        {
            let mut rows = query.bind().fetch(&mut transaction);
            let (mut since_a_rest, mut rested) = (0, Instant::now());
            while let Some(row) = rows.try_next().await? {
                since_a_rest += 1;
                if since_a_rest == UNTIL_A_REST {
                    sleep(rested.elapsed()).await;
                    (since_a_rest, rested) = (0, Instant::now());
                }
                let Some(seq) = row.try_get(0)? else {
                    return Ok(None);
                };
                if row
                    .try_get::<Option<&[u8]>, _>(3)?
                    .is_none_or(|raw| recheck.holds(raw))
                {
                    records.push(record(&row, seq)?);
                }
            }
        }
        transaction.commit().await?;
        Ok(Some(records))
    }

    /// One statement, one moment. Uses `events_pkey`, `removals_pkey` and `events_expiring`.
    async fn news(
        &self,
        since: Position,
        is_wanted: impl Fn(&Event) -> bool,
        now: u64,
    ) -> Result<News, StoreError> {
        let rows = sqlx::query(
            "SELECT seq, created_at, id, raw, NULL::bigint[] FROM \
             (SELECT * FROM events WHERE seq > $1 ORDER BY seq LIMIT $3) e WHERE expires_at IS NULL OR expires_at > $4 \
             UNION ALL SELECT n, NULL, NULL, NULL, seqs FROM \
             (SELECT * FROM removals WHERE n > $2 ORDER BY n LIMIT $3) r \
             UNION ALL SELECT NULL, NULL, NULL, NULL, array_agg(seq) FROM \
             (SELECT seq FROM events WHERE expires_at <= $4 ORDER BY expires_at DESC LIMIT $3) x",
        )
        .bind(since.seq)
        .bind(since.removal)
        .bind(STEP + 1)
        .bind(signed(now))
        .fetch_all(&self.reads)
        .await
        .map_err(failed)?;
        let mut news = News {
            position: since,
            ..News::default()
        };
        rows.iter()
            .try_for_each(|row| news.read(row, &is_wanted))
            .map_err(failed)?;
        Ok(news)
    }
}

/// How a set was brought up to date.
#[derive(Debug)]
pub enum Followed {
    /// Nothing came.
    Same,
    /// This is the set now.
    New(RecordSet),
}

impl News {
    fn read(&mut self, row: &PgRow, is_wanted: impl Fn(&Event) -> bool) -> Result<(), sqlx::Error> {
        let Some(number) = row.try_get::<Option<i64>, _>(0)? else {
            let expired = row.try_get::<Option<Vec<i64>>, _>(4)?;
            self.expired.extend(expired.unwrap_or_default());
            return Ok(());
        };
        self.rows += 1;
        if let Some(seqs) = row.try_get::<Option<Vec<i64>>, _>(4)? {
            self.position.removal = self.position.removal.max(number);
            self.removed.extend(seqs);
            return Ok(());
        }
        self.position.seq = self.position.seq.max(number);
        let raw: &[u8] = row.try_get(3)?;
        if serde_json::from_slice::<Event>(raw).is_ok_and(|event| is_wanted(&event)) {
            self.records.push(record(row, number)?);
        }
        Ok(())
    }
}

impl RecordSet {
    /// About what it takes in memory.
    pub fn bytes(&self) -> usize {
        self.records.capacity() * size_of::<Record>()
    }

    /// Only the newest of the sorted records: of those equally old the lowest id first.
    fn cut(&mut self, limit: Option<u32>) {
        let limit = limit.map_or(usize::MAX, |limit| limit as usize);
        if self.records.len() > limit {
            let newest_first = |record: &Record| (std::cmp::Reverse(record.created_at), record.id);
            self.records.sort_unstable_by_key(newest_first);
            self.records.truncate(limit);
            self.records.sort_unstable();
        }
    }

    fn with(&self, mut news: News) -> Self {
        news.records.sort_unstable();
        let mut records = Vec::with_capacity(self.records.len() + news.records.len());
        let mut new = news.records.into_iter().peekable();
        for old in &self.records {
            while let Some(next) = new.next_if(|next| next < old) {
                records.push(next);
            }
            records.push(*old);
        }
        records.extend(new);
        // What came while the set was read comes twice.
        records.dedup();
        let is_gone =
            |record: &Record| news.removed.contains(&record.seq) || news.expired.contains(&record.seq);
        if !(news.removed.is_empty() && news.expired.is_empty()) {
            records.retain(|record| !is_gone(record));
        }
        Self {
            records,
            position: news.position,
        }
    }
}

fn record(row: &PgRow, seq: i64) -> Result<Record, sqlx::Error> {
    Ok(Record {
        created_at: row.try_get::<i64, _>(1)?.unsigned_abs(),
        id: EventId::from_bytes(row.try_get(2)?),
        seq,
    })
}

fn failed(source: sqlx::Error) -> StoreError {
    StoreError::Query {
        operation: "read a set of records",
        source,
    }
}
