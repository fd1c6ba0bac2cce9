//! A filter as SQL. Keys first: an index yields the sequence numbers in their order, and only what is sent is read.
//!
//! An index serves equality on its first columns and the order of the last. Where a filter has several values (authors,
//! kinds, tags) each combination is a slot: a scan of its own, bounded by the limit. Most slots have little to give, so
//! each is first asked for a few; the n-th newest of these bounds from below what the result can hold, and only slots
//! that may have more above that bound are asked again. So quiet authors cost a look, and none is walked to its end.
//!
//! The texts are made of constants and parameter numbers, and there are few: each is prepared once a connection.

mod args;
mod authors_of;
mod by_id;
mod counted;
mod estimated;
mod every;
mod records;
mod slots;

pub(crate) use args::{Arg, Args, Wanted};
pub(crate) use authors_of::authors_of;
pub(crate) use by_id::by_id;
pub(crate) use counted::{counted, has_tags, sizes};
pub(crate) use estimated::estimated;
pub use every::Order;
pub(crate) use every::every;
pub(crate) use records::records;
pub(crate) use slots::Driver;

use slots::{Scan, Slots};

/// A statement with its arguments.
#[derive(Debug)]
pub(crate) struct FilterQuery {
    pub sql: String,
    pub args: Vec<Arg>,
}

/// The newest `limit` events that match and are not older than `since`. Tags are matched by 64 bits. What has expired at
/// `now` comes without its JSON.
pub(crate) fn newest(wanted: &Wanted, driver: Driver, since: i64, limit: i64, now: i64) -> FilterQuery {
    let mut args = Args::default();
    let n = args.int(limit);
    let (slots, scan) = (
        Slots::of(driver, wanted, &mut args),
        Scan::of(driver, wanted, since, &mut args),
    );
    let keys = match slots {
        Slots::One => format!("{} ORDER BY created_at DESC, id_head LIMIT {n}", scan.whole()),
        Slots::Few(slots) => once(&slots, &scan, &n),
        Slots::Many { slots, count } => {
            let m = args.int(first_look(limit, count));
            let few = each(&slots, &scan, &m);
            twice(
                "",
                &few,
                "SELECT DISTINCT seq, created_at, id_head FROM few",
                &m,
                &scan,
                &n,
            )
        }
        Slots::Values(values) => {
            let (m, few) = if values.are_firsts_wanted(wanted) {
                let firsts = values.with_kinds("large");
                let few = format!("SELECT * FROM ({firsts}) f WHERE created_at >= {}", scan.since);
                ("1".to_owned(), few)
            } else {
                let m = args.int(first_look(limit, values.count));
                let few = each(&values.large(wanted, &mut args), &scan, &m);
                (m, few)
            };
            let known = format!(
                "SELECT seq, created_at, id_head FROM few UNION {}",
                values.whole(&scan)
            );
            twice(&format!("{}, ", values.read()), &few, &known, &m, &scan, &n)
        }
    };
    let now = args.int(now);
    let sql = format!(
        "WITH keys AS MATERIALIZED ({keys}) SELECT e.id, e.created_at, \
         CASE WHEN e.expires_at IS NULL OR e.expires_at > {now} THEN e.raw END AS raw \
         FROM keys JOIN events e ON e.seq = keys.seq"
    );
    FilterQuery { sql, args: args.list }
}

/// Each slot is asked for the whole limit.
fn once(slots: &str, scan: &Scan, n: &str) -> String {
    format!(
        "SELECT DISTINCT k.seq, k.created_at, k.id_head FROM ({slots}) s CROSS JOIN LATERAL \
         ({} ORDER BY created_at DESC, id_head LIMIT {n}) k ORDER BY created_at DESC, id_head LIMIT {n}",
        scan.whole(),
    )
}

/// Rows that each of many slots is asked for at first: twice the even share, so that one look is enough when activity is alike.
fn first_look(limit: i64, slots: usize) -> i64 {
    (2 * limit / i64::try_from(slots).unwrap_or(i64::MAX) + 2).min(limit)
}

/// Up to `m` rows of each slot.
fn each(slots: &str, scan: &Scan, m: &str) -> String {
    format!(
        "SELECT s.v, s.kind, k.* FROM ({slots}) s CROSS JOIN LATERAL \
         ({} ORDER BY created_at DESC, id_head LIMIT {m}) k",
        scan.whole()
    )
}

/// `few` gives up to `m` rows of each slot; where it gave all of them, and the last is above the cut, there may be more. What is
/// known after the first look makes the cut.
fn twice(before: &str, few: &str, known: &str, m: &str, scan: &Scan, n: &str) -> String {
    format!(
        "WITH {before}few AS MATERIALIZED ({few}), known AS MATERIALIZED ({known}), \
         cut AS MATERIALIZED (SELECT coalesce((SELECT created_at FROM known \
         ORDER BY created_at DESC OFFSET {n} - 1 LIMIT 1), {since}) AS at), \
         more AS (SELECT k.* FROM cut CROSS JOIN LATERAL \
         (SELECT v, kind FROM few GROUP BY v, kind HAVING count(*) >= {m} AND min(created_at) >= cut.at) s \
         CROSS JOIN LATERAL ({more} ORDER BY created_at DESC, id_head LIMIT {n}) k) \
         SELECT seq, created_at, id_head FROM known UNION SELECT seq, created_at, id_head FROM more \
         ORDER BY created_at DESC, id_head LIMIT {n}",
        since = scan.since,
        more = scan.above("cut.at"),
    )
}
