//! How many: of what matches, and of what an index would be scanned for.

use super::{Args, Driver, FilterQuery, Wanted, by_id::conditions, scan::Scan, slots::Slots};
use crate::search::TsQuery;

/// The number of events that match any of the filters and are not expired at `now`, each once. `None` drives a filter
/// with ids or a search. Only indexes are read. What has expired and is not removed yet are few: they are looked at and taken off.
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
    if let Some(search) = &wanted.search {
        return searched(wanted, search, columns, args);
    }
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

/// By `searchable_contents_by_word`; ids and tags are looked up for what has the words.
fn searched(wanted: &Wanted, search: &TsQuery, columns: &[&str], args: &mut Args) -> String {
    let words = args.text(search.all.clone());
    let mut conditions = vec![
        format!("s.words @@ {words}::tsquery"),
        format!("s.created_at >= {}", args.int(wanted.since())),
        format!("s.created_at <= {}", args.int(wanted.until())),
    ];
    let ids = args.ids(wanted);
    conditions.extend(ids.map(|ids| format!("s.event IN (SELECT seq FROM events WHERE id = ANY ({ids}))")));
    conditions.extend(has_tags(wanted, "s.event", args));
    let column = |column: &&str| match *column {
        "seq" => "s.event AS seq".to_owned(),
        "created_at" => "s.created_at".to_owned(),
        other => format!("(SELECT e.{other} FROM events e WHERE e.seq = s.event) AS {other}"),
    };
    let columns: Vec<String> = columns.iter().map(column).collect();
    format!(
        "SELECT {} FROM searchable_contents s WHERE {}",
        columns.join(", "),
        conditions.join(" AND ")
    )
}

/// The event that has this number has all tags of the filter.
pub(crate) fn has_tags(wanted: &Wanted<'_>, seq: &str, args: &mut Args) -> Option<String> {
    let tags: Vec<String> = wanted
        .filter
        .tags
        .iter()
        .map(|tag| Args::any_of("o.tags", &args.tag(tag), tag.values.len()))
        .collect();
    if tags.is_empty() {
        return None;
    }
    // OFFSET 0 keeps it a look at one row.
    Some(format!(
        "EXISTS (SELECT FROM events o WHERE o.seq = {seq} AND {} OFFSET 0)",
        tags.join(" AND ")
    ))
}

/// How many slots a driver has, and how many rows these have that are not older than `since`: two numbers. Of many values whose
/// kinds have to be found, all rows. No more than so many slots are visited and so many rows counted. The oldest are counted: of
/// the newest, Postgres has to look at the table whether they are there, until the next vacuum.
pub(crate) fn size(wanted: &Wanted, driver: Driver, since: i64, slots: i64, rows: i64) -> FilterQuery {
    let mut args = Args::default();
    let (most_slots, most_rows, most) = (args.int(slots), args.int(rows), args.int(slots + rows));
    let (table, _, value) = driver.table();
    let (slots, of_slot) = if driver.is_wide(wanted.filter) {
        let values = driver.values(wanted, &mut args);
        (
            format!("SELECT v, NULL::int4 AS kind FROM unnest({values}) v"),
            String::new(),
        )
    } else {
        let (since, until) = (args.int(since), args.int(wanted.until()));
        let of_slot = format!(
            " AND x.kind = s.kind AND x.created_at >= {since} AND x.created_at <= {until} \
             ORDER BY x.created_at, x.id_head DESC"
        );
        (Slots::of(driver, wanted, &mut args).into_select(), of_slot)
    };
    // Each slot is a row of its own before those that it has: what is empty costs, too.
    let sql = format!(
        "SELECT count(*) - count(row), count(row) FROM (SELECT k.row FROM (SELECT v, kind FROM ({slots}) a LIMIT {most_slots}) s \
         CROSS JOIN LATERAL (SELECT NULL::int4 AS row UNION ALL (SELECT 1 FROM {table} x \
         WHERE x.{value} = s.v{of_slot} LIMIT {most_rows})) k LIMIT {most}) c"
    );
    FilterQuery { sql, args: args.list }
}
