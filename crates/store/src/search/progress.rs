//! Whether the words of all that is stored are there already.

use protocol::Filter;
use sqlx::Row;

use super::{Searching, failed};
use crate::{
    Store, StoreError,
    batch::signed,
    filter_sql::{Args, FilterQuery},
};

/// Events whose words are not there yet that are looked at. With more of them it is behind, whatever they are.
const LOOKS: i64 = 1000;

impl Store {
    /// Whether an event that could match is stored, and not searchable yet. Uses `events_pkey`.
    pub(super) async fn is_search_behind(
        &self,
        searching: &Searching,
        filter: &Filter,
    ) -> Result<bool, StoreError> {
        let kinds = filter.kinds.as_deref().unwrap_or(searching.rules.kinds());
        let row = behind(kinds, filter).bind().fetch_one(&searching.searches).await;
        row.and_then(|row| row.try_get(0)).map_err(failed)
    }
}

fn behind(kinds: &[u16], filter: &Filter) -> FilterQuery {
    let mut args = Args::default();
    let looks = args.int(LOOKS);
    let kinds = args.ints(kinds.iter().copied().map(i64::from).collect());
    let since = args.int(signed(filter.since.unwrap_or(0)));
    let until = args.int(filter.until.map_or(i64::MAX, signed));
    FilterQuery {
        sql: format!(
            "WITH ahead AS MATERIALIZED (SELECT kind, created_at FROM events \
             WHERE seq > (SELECT seq FROM search_progress) ORDER BY seq LIMIT {looks}) \
             SELECT count(*) = {looks} OR \
             coalesce(bool_or(kind = ANY ({kinds}) AND created_at BETWEEN {since} AND {until}), false) FROM ahead"
        ),
        args: args.list,
    }
}
