//! A glance at what is newest, before many authors are asked one by one: those who write a lot are in it.

use super::{Args, Driver, Wanted, driver::MANY, slots::Slots};

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
    let authors = wanted.authors.as_ref()?;
    let is_by_time = driver == Driver::Authors && wanted.filter.tags.is_empty();
    if !is_by_time || wanted.filter.until.is_none() {
        return None;
    }
    let rows = match slots {
        Slots::Many { count, .. } if *count >= MANY => count * OF_SLOT,
        Slots::Values(values) if values.count >= MANY => values.count * OF_AUTHOR,
        _ => return None,
    };
    let list = args.int4s(authors.clone());
    let mut conditions = vec![Args::one_of("x.author", &list, authors.len())];
    if let (Some(list), Some(kinds)) = (args.kinds(wanted), &wanted.filter.kinds) {
        conditions.push(Args::one_of("x.kind", &list, kinds.len()));
    }
    conditions.extend(args.other_kinds(wanted, "x.kind"));
    let rows = args.int(i64::try_from(rows.min(MOST)).unwrap_or(i64::MAX));
    let in_time = format!(
        "FROM events WHERE created_at <= {} AND created_at >= {since} ORDER BY created_at DESC, id_head",
        args.int(wanted.until())
    );
    Some(format!(
        "glance AS MATERIALIZED (SELECT seq, created_at, id_head FROM \
         (SELECT seq, created_at, id_head, kind, author {in_time} LIMIT {rows}) x WHERE {} \
         ORDER BY created_at DESC, id_head LIMIT {n}), \
         needed AS MATERIALIZED (SELECT (SELECT count(*) FROM glance) < {n} \
         AND EXISTS (SELECT {in_time} OFFSET {rows} LIMIT 1) AS is_more)",
        conditions.join(" AND "),
    ))
}
