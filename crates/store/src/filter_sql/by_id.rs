//! A filter with ids: the list bounds the work, everything else is a condition on the few rows.

use super::{Args, FilterQuery, Wanted};

/// The newest `limit` of them that are not expired at `now`. Uses `events_id`.
pub(crate) fn by_id(wanted: &Wanted, limit: i64, now: i64) -> FilterQuery {
    let mut args = Args::default();
    let conditions = conditions(wanted, &mut args);
    let (now, n) = (args.int(now), args.int(limit));
    let sql = format!(
        "SELECT id, created_at, raw FROM events WHERE {conditions} AND (expires_at IS NULL OR expires_at > {now}) \
         ORDER BY created_at DESC, id LIMIT {n}"
    );
    FilterQuery { sql, args: args.list }
}

/// Everything that the filter says, on the table itself.
pub(super) fn conditions(wanted: &Wanted, args: &mut Args) -> String {
    let mut conditions = vec![
        format!("created_at >= {}", args.int(wanted.since())),
        format!("created_at <= {}", args.int(wanted.until())),
    ];
    conditions.extend(args.ids(wanted).map(|ids| format!("id = ANY ({ids})")));
    if let (Some(list), Some(kinds)) = (args.kinds(wanted), &wanted.filter.kinds) {
        conditions.push(Args::one_of("kind", &list, kinds.len()));
    }
    conditions.extend(args.other_kinds(wanted, "kind"));
    if let (Some(list), Some(authors)) = (args.authors(wanted), &wanted.authors) {
        conditions.push(if wanted.as_delegators {
            let is_wanted = Args::one_of("d.author", &list, authors.len());
            // `event_delegators` has no column of this name: it is the event's.
            format!("EXISTS (SELECT FROM event_delegators d WHERE d.event = seq AND {is_wanted})")
        } else {
            Args::one_of("author", &list, authors.len())
        });
    }
    for tag in &wanted.filter.tags {
        conditions.push(Args::any_of("tags", &args.tag(tag), tag.values.len()));
    }
    if let Some(search) = &wanted.search {
        let words = args.text(search.all.clone());
        conditions.push(format!(
            "EXISTS (SELECT FROM searchable_contents s WHERE s.event = seq AND s.words @@ {words}::tsquery OFFSET 0)"
        ));
    }
    conditions.join(" AND ")
}
