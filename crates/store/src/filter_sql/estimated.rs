//! How many, about, and at what cost: for Postgres's planner, which looks into its statistics only.

use super::{Args, Driver, FilterQuery, Wanted, counted::matching};

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
    let mut conditions = vec![
        format!("created_at >= {}", args.int(wanted.since())),
        format!("created_at <= {}", args.int(wanted.until())),
    ];
    let table = match driver {
        Some(Driver::Tag(place)) => {
            conditions.push(format!("tag = ANY ({})", args.tag(&wanted.filter.tags[place])));
            "searchable_tags"
        }
        // Few, whatever their tags are.
        Some(Driver::Delegators) => "event_delegators",
        _ => {
            conditions.extend(args.ids(wanted).map(|ids| format!("id = ANY ({ids})")));
            let tags = wanted.filter.tags.iter();
            conditions.extend(tags.map(|tag| format!("tags && {}", args.tag(tag))));
            "events"
        }
    };
    conditions.extend(args.kinds(wanted).map(|kinds| format!("kind = ANY ({kinds})")));
    conditions.extend(args.other_kinds(wanted, "kind"));
    // Statistics are told lists as they are: of what is hashed they know nothing.
    conditions.extend(
        args.authors(wanted)
            .map(|authors| format!("author = ANY ({authors})")),
    );
    let conditions = conditions.join(" AND ");
    FilterQuery {
        sql: format!("EXPLAIN (FORMAT JSON) SELECT FROM {table} WHERE {conditions}"),
        args: args.list,
    }
}
