//! How many, about, and at what cost: for Postgres's planner, which looks into its statistics only.

use super::{Args, Driver, FilterQuery, Wanted, by_id::conditions, counted::matching};

/// EXPLAIN of a statement that finds what the filter's driver finds. Its rows and its cost are those of the filter.
pub(crate) fn estimated(wanted: &Wanted, driver: Option<Driver>) -> FilterQuery {
    let mut args = Args::default();
    if wanted.search.is_some() {
        let select = matching(wanted, None, &["seq"], &mut args);
        return FilterQuery {
            sql: format!("EXPLAIN (FORMAT JSON) {select}"),
            args: args.list,
        };
    }
    let (table, conditions) = match driver {
        Some(Driver::Tag(place)) => {
            let mut conditions = vec![
                format!("tag = ANY ({})", args.tag(&wanted.filter.tags[place])),
                format!("created_at >= {}", args.int(wanted.since())),
                format!("created_at <= {}", args.int(wanted.until())),
            ];
            conditions.extend(args.kinds(wanted).map(|kinds| format!("kind = ANY ({kinds})")));
            conditions.extend(args.other_kinds(wanted, "kind"));
            conditions.extend(
                args.authors(wanted)
                    .map(|authors| format!("author = ANY ({authors})")),
            );
            ("searchable_tags", conditions.join(" AND "))
        }
        _ => ("events", conditions(wanted, &mut args)),
    };
    FilterQuery {
        sql: format!("EXPLAIN (FORMAT JSON) SELECT FROM {table} WHERE {conditions}"),
        args: args.list,
    }
}
