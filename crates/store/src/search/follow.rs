//! Makes events searchable after they have been stored, in the order of commits. None is missed: sequence numbers grow in
//! that order, and how far it has come is committed together with the words.

use protocol::{Kind, SearchRules, VerifiedEvent, search::Searchable};

use super::{
    Searching,
    tsvector::{TsVector, tsvector},
};
use crate::{Store, StoreError, batch::signed, connections::Lent};

/// What a step has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SearchStep {
    /// Events looked at.
    pub events: usize,
    /// Events that became searchable.
    pub searchable: usize,
}

/// Rows to be inserted.
#[derive(Default)]
struct Rows {
    events: Vec<i64>,
    created: Vec<i64>,
    words: Vec<TsVector>,
}

/// A stored event as it is looked at.
struct Stored {
    seq: i64,
    author: i32,
    /// Whom it was signed for (NIP-26).
    delegator: Option<i32>,
    kind: i32,
    created_at: i64,
    /// Absent when its kind is not searchable.
    raw: Option<Vec<u8>>,
}

impl Store {
    /// Makes the rules of this process those of the index. When they differ from before, everything is indexed anew, which takes
    /// a while; processes with other rules leave the index alone from now on.
    pub async fn adopt_search_rules(&self) -> Result<bool, StoreError> {
        let Some(searching) = &self.searching else {
            return Ok(false);
        };
        let recipe = self.recipe(searching);
        let mut transaction = self.writes.begin().await.map_err(failed)?;
        let changed = sqlx::query!(
            "UPDATE search_progress SET seq = 0, recipe = $1 WHERE recipe <> $1",
            recipe
        )
        .execute(&mut transaction)
        .await
        .map_err(failed)?
        .rows_affected();
        if changed > 0 {
            sqlx::query!("TRUNCATE searchable_contents")
                .execute(&mut transaction)
                .await
                .map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)?;
        Ok(changed > 0)
    }

    /// Makes the next events searchable, at most so many are looked at. Nothing happens while another process does this.
    pub async fn follow_search(&self, at_most: u32) -> Result<SearchStep, StoreError> {
        let Some(searching) = self.searching.clone() else {
            return Ok(SearchStep::default());
        };
        let mut transaction = self.writes.begin().await.map_err(failed)?;
        let progress = sqlx::query_scalar!(
            "SELECT seq FROM search_progress WHERE recipe = $1 FOR UPDATE SKIP LOCKED",
            self.recipe(&searching)
        )
        .fetch_optional(&mut transaction)
        .await
        .map_err(failed)?;
        let Some(progress) = progress else {
            transaction.commit().await.map_err(failed)?;
            return Ok(SearchStep::default());
        };
        let stored = stored_after(
            &mut transaction,
            progress,
            &searching.rules,
            self.delegation,
            at_most,
        )
        .await?;
        let Some(last) = stored.last().map(|stored| stored.seq) else {
            transaction.commit().await.map_err(failed)?;
            return Ok(SearchStep::default());
        };
        let events = stored.len();
        // Thousands of words: not beside those who wait for a socket.
        let making = tokio::task::spawn_blocking(move || Rows::of(stored, &searching.rules));
        let rows = making
            .await
            .map_err(|error| failed(sqlx::Error::Io(std::io::Error::other(error))))?;
        let searchable = rows.events.len();
        insert(&mut transaction, &rows).await?;
        sqlx::query!("UPDATE search_progress SET seq = $1", last)
            .execute(&mut transaction)
            .await
            .map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(SearchStep { events, searchable })
    }

    /// How the index is made: with those whom events were signed for, or without.
    fn recipe(&self, searching: &Searching) -> String {
        let delegation = if self.delegation { " delegation" } else { "" };
        format!("{}{delegation}", searching.rules.recipe())
    }
}

async fn stored_after(
    transaction: &mut Lent,
    seq: i64,
    rules: &SearchRules,
    delegation: bool,
    at_most: u32,
) -> Result<Vec<Stored>, StoreError> {
    let kinds: Vec<i32> = rules.kinds().iter().copied().map(i32::from).collect();
    // Uses `events_pkey` and `event_delegators_pkey`.
    sqlx::query_as!(
        Stored,
        r#"SELECT e.seq, e.author, d.author AS "delegator?", e.kind, e.created_at,
            CASE WHEN e.kind = ANY ($2) THEN raw END AS raw
        FROM events e LEFT JOIN event_delegators d ON $4 AND d.event = e.seq
        WHERE e.seq > $1 ORDER BY e.seq LIMIT $3"#,
        seq,
        &kinds,
        i64::from(at_most),
        delegation,
    )
    .fetch_all(&mut *transaction)
    .await
    .map_err(failed)
}

async fn insert(transaction: &mut Lent, rows: &Rows) -> Result<(), StoreError> {
    if rows.events.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO searchable_contents (event, created_at, words)
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::tsvector[])",
        &rows.events,
        &rows.created,
        &rows.words as _,
    )
    .execute(&mut *transaction)
    .await
    .map_err(failed)?;
    // What was removed meanwhile has not been removed from here. Under the lock of ingest() nothing is removed until this is
    // committed, and whoever removes later sees these rows.
    sqlx::query!("SELECT pg_advisory_xact_lock(5327001)")
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    sqlx::query!(
        "DELETE FROM searchable_contents s
        WHERE s.event = ANY ($1) AND NOT EXISTS (SELECT FROM events e WHERE e.seq = s.event)",
        &rows.events
    )
    .execute(&mut *transaction)
    .await
    .map_err(failed)?;
    Ok(())
}

impl Rows {
    fn of(stored: Vec<Stored>, rules: &SearchRules) -> Self {
        let mut rows = Self::default();
        for stored in stored {
            let Some(raw) = stored.raw else { continue };
            // Canonical JSON that we wrote: it can always be read.
            let event = String::from_utf8(raw).ok().map(VerifiedEvent::from_canonical);
            let Some(Ok(event)) = event else { continue };
            if let Some(searchable) = Searchable::of(&event, rules) {
                let kind = Kind(u16::try_from(stored.kind).unwrap_or_default());
                let authors = [Some(stored.author), stored.delegator];
                let authors = authors.into_iter().flatten();
                rows.words
                    .push(tsvector(&searchable, authors, kind, stored.created_at));
                rows.events.push(stored.seq);
                rows.created.push(signed(event.created_at));
            }
        }
        rows
    }
}

fn failed(source: sqlx::Error) -> StoreError {
    StoreError::Query {
        operation: "make events searchable",
        source,
    }
}
