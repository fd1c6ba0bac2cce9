//! How many: of what matches, and of what an index would be scanned for.

use super::{Args, Driver, FilterQuery, Wanted, slots::Slots};

/// The number of events that match any of the filters and are not expired at `now`, each once.
pub(crate) fn counted(filters: &[Wanted], now: i64) -> FilterQuery {
    let mut args = Args::default();
    let now = args.int(now);
    let selects: Vec<String> = filters
        .iter()
        .map(|wanted| matching(wanted, &now, &mut args))
        .collect();
    FilterQuery {
        sql: format!("SELECT count(*) FROM ({}) matching", selects.join(" UNION ")),
        args: args.list,
    }
}

fn matching(wanted: &Wanted, now: &str, args: &mut Args) -> String {
    let mut conditions = vec![
        format!("created_at >= {}", args.int(wanted.since())),
        format!("created_at <= {}", args.int(wanted.until())),
        format!("(expires_at IS NULL OR expires_at > {now})"),
    ];
    if let Some(ids) = &wanted.filter.ids {
        let ids = args.bytes(ids.iter().map(|id| id.as_bytes().to_vec()).collect());
        conditions.push(format!("id = ANY ({ids})"));
    }
    conditions.extend(args.kinds(wanted).map(|kinds| format!("kind = ANY ({kinds})")));
    conditions.extend(
        args.authors(wanted)
            .map(|authors| format!("author = ANY ({authors})")),
    );
    for tag in &wanted.filter.tags {
        conditions.push(format!(
            "seq IN (SELECT event FROM searchable_tags WHERE tag = ANY ({}))",
            args.tag(tag)
        ));
    }
    format!("SELECT seq FROM events WHERE {}", conditions.join(" AND "))
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
