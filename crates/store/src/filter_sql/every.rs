//! Everything that matches, however much it is: for exports.

use super::{Args, Driver, FilterQuery, Wanted, counted::matching};

/// In which order everything comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// That of the commits.
    Stored,
    /// The newest first; of those equally old the lowest id first.
    NewestFirst,
}

/// The JSON of every event that matches any of the filters and is not expired at `now`, each once. A filter with a limit
/// gives its newest. No filters: every event. Tags are matched by 64 bits.
pub(crate) fn every(filters: &[(Wanted, Option<Driver>)], order: Order, now: i64) -> FilterQuery {
    let mut args = Args::default();
    let now = args.int(now);
    let is_alive = format!("(e.expires_at IS NULL OR e.expires_at > {now})");
    let (by, of_key) = match order {
        Order::Stored => ("e.seq", "seq"),
        Order::NewestFirst => ("e.created_at DESC, e.id_head", "seq, created_at, id_head"),
    };
    if filters.is_empty() {
        let sql = format!("SELECT e.raw FROM events e WHERE {is_alive} ORDER BY {by}");
        return FilterQuery { sql, args: args.list };
    }
    let selects: Vec<String> = filters
        .chunk_by(|_, (next, _)| next.as_delegators)
        .map(|views| keys(views, &is_alive, &mut args))
        .collect();
    let by_key = by.replace("e.", "k.");
    FilterQuery {
        sql: format!(
            "SELECT e.raw FROM (SELECT DISTINCT {of_key} FROM ({}) m) k JOIN events e ON e.seq = k.seq \
             WHERE {is_alive} ORDER BY {by_key}",
            selects.join(" UNION ALL "),
        ),
        args: args.list,
    }
}

/// `seq, created_at, id_head` of all that matches one filter, as those who signed and as those whom others signed for; of a
/// filter with a limit those of its newest. A row may come more than once.
pub(super) fn keys(views: &[(Wanted, Option<Driver>)], is_alive: &str, args: &mut Args) -> String {
    let keys: Vec<String> = views
        .iter()
        .map(|(wanted, driver)| matching(wanted, *driver, &["seq", "created_at", "id_head"], args))
        .collect();
    let keys = keys.join(" UNION ALL ");
    match views.first().and_then(|(wanted, _)| wanted.filter.limit) {
        None => keys,
        Some(limit) => format!(
            "(SELECT k.* FROM (SELECT DISTINCT * FROM ({keys}) a) k JOIN events e ON e.seq = k.seq \
             WHERE {is_alive} ORDER BY k.created_at DESC, k.id_head LIMIT {})",
            args.int(limit.into())
        ),
    }
}
