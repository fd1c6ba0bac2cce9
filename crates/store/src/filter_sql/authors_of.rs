//! By whom: the registers of a HyperLogLog value, and the count by the way.

use super::{Args, Driver, FilterQuery, Wanted, counted::matching, scan::Scan, slots::Slots};

/// For each value of the authors' byte `offset` (of 32, the first is 0): that byte, the smallest of what follows it (more
/// leading zeros than any other), and how many events. Events are what matches and is not expired at `now`.
///
/// An event has one author, so that the sum over authors counts each once. Only indexes are read, and `authors`. The
/// filter has a tag: its driver is a tag or its authors.
pub(crate) fn authors_of(wanted: &Wanted, driver: Option<Driver>, offset: usize, now: i64) -> FilterQuery {
    let mut args = Args::default();
    let now = args.int(now);
    let matching = match driver {
        None => matching(wanted, None, &["seq", "author"], &mut args),
        // There the author is whom it was signed for.
        Some(Driver::Delegators) => {
            let keys = matching(wanted, driver, &["seq"], &mut args);
            format!("SELECT e.seq, e.author FROM ({keys}) k JOIN events e ON e.seq = k.seq")
        }
        Some(driver) => {
            let slots = Slots::of(driver, wanted, &mut args).into_select();
            let scan = Scan::of(driver, wanted, wanted.since(), &mut args)
                .with_author()
                .whole();
            format!("SELECT k.seq, k.author FROM ({slots}) s CROSS JOIN LATERAL ({scan} OFFSET 0) k")
        }
    };
    let offset = args.int(i64::try_from(offset).unwrap_or_default());
    let events = match driver {
        // An event may have several of the values.
        Some(Driver::Tag(place)) if wanted.filter.tags[place].values.len() > 1 => "DISTINCT seq",
        _ => "*",
    };
    // Nearly always nothing is expired and not yet removed; else each event is looked at.
    FilterQuery {
        sql: format!(
            "WITH expired AS MATERIALIZED (SELECT EXISTS (SELECT FROM events WHERE expires_at <= {now}) AS some_are) \
             SELECT get_byte(a.pubkey, {offset}::int4), \
             decode(min(encode(substr(a.pubkey, {offset}::int4 + 2), 'hex') COLLATE \"C\"), 'hex'), sum(c.events)::bigint \
             FROM (SELECT author, count({events}) AS events FROM ({matching}) m \
             WHERE NOT (SELECT some_are FROM expired) \
             OR NOT EXISTS (SELECT FROM events e WHERE e.seq = m.seq AND e.expires_at <= {now}) \
             GROUP BY author) c JOIN authors a ON a.id = c.author GROUP BY 1"
        ),
        args: args.list,
    }
}
