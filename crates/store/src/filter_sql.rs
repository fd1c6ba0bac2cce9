//! A filter as SQL. Keys first: an index yields the sequence numbers in their order, and only what is sent is read.
//!
//! An index serves equality on its first columns and the order of the last. Where a filter has several values (authors,
//! kinds, tags) each combination is a slot: a scan of its own, bounded by the limit. Most slots have little to give, so
//! each is first asked for a few; the n-th newest of these bounds from below what the result can hold, and only slots
//! that may have more above that bound are asked again. So quiet authors cost a look, and none is walked to its end.
//! Values whose kinds nobody names are read whole if they have little, and jumped through from kind to kind if not.
//!
//! The texts are made of constants and parameter numbers, and there are few: each is prepared once a connection.

mod args;
mod authors_of;
mod by_id;
mod counted;
mod driver;
mod estimated;
mod every;
mod glance;
mod looks;
mod records;
mod scan;
mod slots;
mod values;

use sqlx::{AssertSqlSafe, postgres::PgArguments};

use args::Arg;
pub(crate) use args::{Args, Wanted};
pub(crate) use authors_of::authors_of;
pub(crate) use by_id::by_id;
pub(crate) use counted::{counted, has_tags, size};
pub(crate) use driver::{Driver, KINDS, KINDS_OF_VALUE, MANY};
pub(crate) use estimated::estimated;
pub use every::Order;
pub(crate) use every::every;
pub(crate) use glance::at_a_glance;
pub(crate) use records::records;

use glance::{IS_MORE, glance};
use looks::{Looks, all, each, first_look};
use scan::Scan;
use slots::Slots;

/// A statement with its arguments.
#[derive(Debug)]
pub(crate) struct FilterQuery {
    pub sql: String,
    pub args: Vec<Arg>,
}

impl FilterQuery {
    /// The text is made of constants and parameter numbers only.
    pub fn bind(&self) -> sqlx::query::Query<'_, sqlx::Postgres, PgArguments> {
        // Statements are kept by their text: with the same text come as many arguments.
        debug_assert!(
            (1..=self.args.len()).all(|number| self.sql.contains(&format!("${number}::"))),
            "an argument that nothing asks for: {}",
            self.sql
        );
        let mut query = sqlx::query(AssertSqlSafe(self.sql.clone()));
        for arg in &self.args {
            query = match arg {
                Arg::Int(value) => query.bind(value),
                Arg::Ints(values) => query.bind(values),
                Arg::Int4s(values) => query.bind(values),
                Arg::Bytes(values) => query.bind(values),
                Arg::Text(value) => query.bind(value),
            };
        }
        query
    }
}

/// The newest `limit` events that match and are not older than `since`. Tags are matched by 64 bits. What has expired at
/// `now` comes without its JSON. `is_sparse`: the driver has so few rows since then, or so few of them match, that all their keys are
/// read before anything is looked up.
pub(crate) fn newest(
    wanted: &Wanted,
    driver: Driver,
    since: i64,
    is_sparse: bool,
    limit: i64,
    now: i64,
) -> FilterQuery {
    let mut args = Args::default();
    let n = args.int(limit);
    let slots = if is_sparse {
        Slots::of_sparse(driver, wanted, &mut args)
    } else {
        Slots::of(driver, wanted, &mut args)
    };
    let scan = Scan::of(driver, wanted, since, &mut args);
    let mut looks = Looks::default();
    let slots = match glance(&slots, driver, wanted, &scan.since, &n, &mut args) {
        None => slots,
        Some(ctes) => {
            looks.begin_with(ctes, "SELECT seq, created_at, id_head FROM glance".to_owned());
            slots.only_if(IS_MORE)
        }
    };
    let keys = match slots {
        Slots::Many { slots, .. } if is_sparse && scan.has_looks() => scan.newest_of(&all(&slots, &scan), &n),
        Slots::Values(values) if is_sparse && scan.has_looks() => scan.newest_of(&values.keys(&scan), &n),
        Slots::One => format!("{} ORDER BY created_at DESC, id_head LIMIT {n}", scan.whole()),
        Slots::Few(slots) => once(&slots, &scan, &n),
        Slots::Many { slots, count } => {
            let m = args.int(first_look(limit, count));
            looks.twice(&each(&slots, &scan, &m), &m, &scan, &n)
        }
        Slots::Values(values) => {
            looks.begin_with(values.read(), values.whole(&scan));
            let kinds = values.with_kinds("large");
            if values.are_firsts_wanted(wanted) {
                let firsts = format!("SELECT * FROM ({kinds}) f WHERE created_at >= {}", scan.since);
                looks.twice(&firsts, "1", &scan, &n)
            } else {
                let m = args.int(first_look(limit, values.count * KINDS_OF_VALUE));
                looks.twice(&each(&kinds, &scan, &m), &m, &scan, &n)
            }
        }
    };
    found(&keys, args, now)
}

/// The events of these keys.
fn found(keys: &str, mut args: Args, now: i64) -> FilterQuery {
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
