//! A glance at what is newest, before many values are asked one by one: those who write a lot are in it, and what is popular.

use super::{Args, Driver, FilterQuery, Wanted, driver::MANY, found, scan::has_tag, slots::Slots};
use crate::bounds::Bounds;

/// Rows for each slot, and for each author whose kinds have to be found: about half of what it costs to ask them.
const OF_SLOT: usize = 10;
const OF_AUTHOR: usize = 20;

/// Rows at most: 10 to 20 ms.
const MOST: usize = 100_000;

/// The condition that a glance has not found everything.
pub(super) const IS_MORE: &str = "(SELECT is_more FROM needed)";

/// For authors back from some time, the CTEs `glance`, with what is found and no more than is wanted (`n`, a parameter), and `needed`.
/// What is newest of all needs none: it is in the memory of who asks, and was not enough.
pub(super) fn glance(
    slots: &Slots,
    driver: Driver,
    wanted: &Wanted,
    since: &str,
    n: &str,
    args: &mut Args,
) -> Option<String> {
    let is_by_time = driver == Driver::Authors && wanted.filter.tags.is_empty();
    if !is_by_time || wanted.filter.until.is_none() {
        return None;
    }
    let rows = match slots {
        Slots::Many { count, .. } if *count >= MANY => count * OF_SLOT,
        Slots::Values(values) if values.count >= MANY => values.count * OF_AUTHOR,
        _ => return None,
    };
    let conditions = told_by_index(wanted, args);
    let rows = args.int(i64::try_from(rows.min(MOST)).unwrap_or(i64::MAX));
    let in_time = in_time(wanted, since, args);
    Some(format!(
        "glance AS MATERIALIZED (SELECT seq, created_at, id_head FROM \
         (SELECT {ROW} {in_time} LIMIT {rows}) x WHERE {} \
         ORDER BY created_at DESC, id_head LIMIT {n}), \
         needed AS MATERIALIZED (SELECT (SELECT count(*) FROM glance) < {n} \
         AND EXISTS (SELECT {in_time} OFFSET {rows} LIMIT 1) AS is_more)",
        conditions.join(" AND "),
    ))
}

/// Those of the newest events by the filter's `until` that match, up to `limit` of them, and what has expired at `now` without its JSON. Only if
/// they are so many, they are the filter's newest: there may be more behind what is looked at.
pub(crate) fn at_a_glance(wanted: &Wanted, bounds: Bounds, limit: i64, now: i64) -> FilterQuery {
    let mut args = Args::default();
    let (n, rows) = (args.int(limit), args.int(bounds.glanced()));
    let looked_up = args.int(bounds.looked_up(limit));
    let since = args.int(wanted.since());
    let in_time = in_time(wanted, &since, &mut args);
    let mut conditions = vec!["true".to_owned()];
    conditions.extend(told_by_index(wanted, &mut args));
    let tags = wanted.filter.tags.iter();
    let has_tags: Vec<String> = tags.map(|tag| has_tag(tag, "seq", &mut args)).collect();
    let keys = format!(
        "SELECT seq, created_at, id_head FROM \
         (SELECT * FROM (SELECT {ROW} {in_time} LIMIT {rows}) x WHERE {} LIMIT {looked_up}) x WHERE {} LIMIT {n}",
        conditions.join(" AND "),
        has_tags.join(" AND ")
    );
    found(&keys, args, now)
}

/// What the index has.
const ROW: &str = "seq, created_at, id_head, kind, author";

/// Newest first.
fn in_time(wanted: &Wanted, since: &str, args: &mut Args) -> String {
    format!(
        "FROM events WHERE created_at <= {} AND created_at >= {since} ORDER BY created_at DESC, id_head",
        args.int(wanted.until())
    )
}

/// What `events_by_time` tells of its rows `x`.
fn told_by_index(wanted: &Wanted, args: &mut Args) -> Vec<String> {
    let mut conditions = Vec::new();
    if let Some(authors) = &wanted.authors {
        let list = args.int4s(authors.clone());
        conditions.push(Args::one_of("x.author", &list, authors.len()));
    }
    if let (Some(list), Some(kinds)) = (args.kinds(wanted), &wanted.filter.kinds) {
        conditions.push(Args::one_of("x.kind", &list, kinds.len()));
    }
    conditions.extend(args.other_kinds(wanted, "x.kind"));
    conditions
}
