//! The best of what matches.

use crate::{
    Store, StoreError,
    batch::signed,
    filter_sql::{Args, FilterQuery},
    query::{Found, Rest},
};
use protocol::{Filter, View};

impl Store {
    /// What matches a filter that searches, the best first: `ts_rank` with titles before summaries before text, by the length
    /// of the text; of equally good ones the newest first; no private messages, which are not searchable. Of many matches the newest are ranked.
    pub(crate) async fn search(&self, filter: &Filter, now: u64) -> Result<Found, StoreError> {
        let Some(searching) = &self.searching else {
            return Ok(Found::default());
        };
        let view = View::of(filter);
        let Some(wanted) = self.wanted(&view).await? else {
            return Ok(Found::default());
        };
        let Some(query) = &wanted.search else {
            return Ok(Found::default());
        };
        // Before it is searched: what is stored from now on comes live.
        let is_behind = self.is_search_behind(searching, filter).await?;
        let limit = filter.limit.unwrap_or(0) as usize;
        // One more than is sent tells whether there is more.
        let at_most = (searching.ranked as usize).max(limit + 1);
        let candidates = self
            .candidates(searching, &wanted, query, at_most, signed(now))
            .await?;
        let are_all = candidates.len() < at_most && !is_behind;
        if candidates.is_empty() {
            let rest = if are_all { Rest::Nothing } else { Rest::Unknown };
            return Ok(Found {
                rest,
                ..Found::default()
            });
        }
        let statement = best(candidates, &query.words, limit + 1, signed(now));
        let (_, mut events) = self.fetch(&statement, filter, &searching.searches).await?;
        let rest = match Rest::after(&events, limit) {
            Rest::Nothing if !are_all => Rest::Unknown,
            rest => rest,
        };
        events.truncate(limit);
        Ok(Found { events, rest })
    }
}

fn best(candidates: Vec<i64>, words: &str, at_most: usize, now: i64) -> FilterQuery {
    let mut args = Args::default();
    let candidates = args.ints(candidates);
    let rank = if words.is_empty() {
        "0".to_owned()
    } else {
        format!("ts_rank(s.words, {}::tsquery, 1)", args.text(words.to_owned()))
    };
    let (now, n) = (
        args.int(now),
        args.int(i64::try_from(at_most).unwrap_or(i64::MAX)),
    );
    FilterQuery {
        sql: format!(
            "WITH best AS MATERIALIZED (SELECT e.seq, {rank} AS rank, e.created_at, e.id \
             FROM searchable_contents s JOIN events e ON e.seq = s.event \
             WHERE s.event = ANY ({candidates}) AND (e.expires_at IS NULL OR e.expires_at > {now}) \
             ORDER BY rank DESC, e.created_at DESC, e.id LIMIT {n}) \
             SELECT e.id, e.created_at, e.raw FROM best b JOIN events e ON e.seq = b.seq \
             ORDER BY b.rank DESC, b.created_at DESC, b.id"
        ),
        args: args.list,
    }
}
