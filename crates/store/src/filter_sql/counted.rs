//! How many: of what matches, and of what an index would be scanned for.

use super::{
    Args, Driver, FilterQuery, Wanted,
    by_id::conditions,
    slots::{Scan, Slots},
};

/// The number of events that match any of the filters and are not expired at `now`, each once. `None` drives a filter
/// with ids. Only indexes are read. What has expired and is not removed yet are few: they are looked at and taken off.
pub(crate) fn counted(filters: &[(Wanted, Option<Driver>)], now: i64) -> FilterQuery {
    let mut args = Args::default();
    let selects: Vec<String> = filters
        .iter()
        .map(|(wanted, driver)| matching(wanted, *driver, &["seq"], &mut args))
        .collect();
    // Numbers come twice only from several filters, or by several values of a tag.
    let once = match filters {
        [(wanted, Some(Driver::Tag(place)))] => wanted.filter.tags[*place].values.len() == 1,
        [_] => true,
        _ => false,
    };
    let count = if once { "count(*)" } else { "count(DISTINCT seq)" };
    let expired: Vec<String> = filters
        .iter()
        .map(|(wanted, _)| conditions(wanted, &mut args))
        .collect();
    // OFFSET 0: by `events_expiring`, whatever other index the filter would suggest.
    FilterQuery {
        sql: format!(
            "SELECT (SELECT {count} FROM ({}) m) \
             - (SELECT count(*) FROM (SELECT * FROM events WHERE expires_at <= {} OFFSET 0) e WHERE ({}))",
            selects.join(" UNION ALL "),
            args.int(now),
            expired.join(") OR ("),
        ),
        args: args.list,
    }
}

/// What matches, by index alone: `columns` of seq, created_at and id_head. A row may come more than once.
pub(super) fn matching(wanted: &Wanted, driver: Option<Driver>, columns: &[&str], args: &mut Args) -> String {
    let Some(driver) = driver else {
        let (columns, conditions) = (columns.join(", "), conditions(wanted, args));
        return format!("SELECT {columns} FROM events WHERE {conditions}");
    };
    let slots = Slots::of(driver, wanted, args).into_select();
    let scan = Scan::of(driver, wanted, wanted.since(), args).whole();
    let columns: Vec<String> = columns.iter().map(|column| format!("k.{column}")).collect();
    let columns = columns.join(", ");
    // OFFSET 0: each slot is a scan of its own, by all columns of its index.
    format!("SELECT {columns} FROM ({slots}) s CROSS JOIN LATERAL ({scan} OFFSET 0) k")
}

/// For each driver how many rows its slots have, counted up to `at_most`: an array of numbers.
pub(crate) fn sizes(wanted: &Wanted, drivers: &[Driver], at_most: i64) -> FilterQuery {
    let mut args = Args::default();
    let (since, until, most) = (
        args.int(wanted.since()),
        args.int(wanted.until()),
        args.int(at_most),
    );
    let size = |driver: &Driver| {
        let slots = Slots::of(*driver, wanted, &mut args).into_select();
        let (table, value) = match driver {
            Driver::Tag(_) => ("searchable_tags", "tag"),
            _ => ("events", "author"),
        };
        format!(
            "(SELECT count(*) FROM (SELECT FROM ({slots}) s CROSS JOIN LATERAL (SELECT FROM {table} x \
             WHERE x.{value} = s.v AND x.kind = s.kind AND x.created_at >= {since} AND x.created_at <= {until} \
             LIMIT {most}) k LIMIT {most}) c)"
        )
    };
    let sizes: Vec<String> = drivers.iter().map(size).collect();
    FilterQuery {
        sql: format!("SELECT ARRAY[{}]", sizes.join(", ")),
        args: args.list,
    }
}
