//! What a reconciliation (NIP-77) needs of everything that matches.

use super::{Args, Driver, FilterQuery, Wanted, every::keys};

/// `seq, created_at, id, raw` of every event that matches one filter and is not expired at `now`, in any order; `raw` only where tags,
/// which are matched by 64 bits, have to be looked at. More than `most`: a single row of NULLs.
pub(crate) fn records(views: &[(Wanted, Option<Driver>)], most: i64, now: i64) -> FilterQuery {
    let mut args = Args::default();
    let (now, most) = (args.int(now), args.int(most));
    let is_alive = format!("(e.expires_at IS NULL OR e.expires_at > {now})");
    let keys = keys(views, &is_alive, &mut args);
    let raw = if views.iter().all(|(wanted, _)| wanted.filter.tags.is_empty()) {
        "NULL::bytea"
    } else {
        "e.raw"
    };
    FilterQuery {
        // Counted by index first: a set that is too big costs no look at its events.
        sql: format!(
            "WITH keys AS MATERIALIZED (SELECT DISTINCT seq FROM ({keys}) m LIMIT {most} + 1), \
             counted AS MATERIALIZED (SELECT count(*) > {most} AS is_too_much FROM keys) \
             SELECT e.seq, e.created_at, e.id, {raw} FROM (SELECT seq FROM keys ORDER BY seq) k \
             JOIN events e ON e.seq = k.seq WHERE NOT (SELECT is_too_much FROM counted) AND {is_alive} \
             UNION ALL SELECT NULL, NULL, NULL, NULL FROM counted WHERE is_too_much"
        ),
        args: args.list,
    }
}
