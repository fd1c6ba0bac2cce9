//! What a reconciliation (NIP-77) needs of everything that matches.

use super::{Args, Driver, FilterQuery, Wanted, every::keys, scan::Scan, slots::Slots};

/// `seq, created_at, id, raw` of every event that matches one filter and is not expired at `now`, in any order; `raw` only where tags,
/// which are matched by 64 bits, have to be looked at. More than `most`: a single row of NULLs.
pub(crate) fn records(part: &(Wanted, Option<Driver>), most: i64, now: i64) -> FilterQuery {
    match part {
        (wanted, Some(driver @ (Driver::Authors | Driver::Kinds | Driver::Time)))
            if wanted.filter.tags.is_empty() && wanted.filter.limit.is_none() =>
        {
            scanned(wanted, *driver, most, now)
        }
        _ => looked_up(part, most, now),
    }
}

/// Where one scan finds each event once and leads to its row: a third of what it takes to sort keys and to look each of them up.
fn scanned(wanted: &Wanted, driver: Driver, most: i64, now: i64) -> FilterQuery {
    let mut args = Args::default();
    let (now, most) = (args.int(now), args.int(most));
    let slots = Slots::of(driver, wanted, &mut args).into_select();
    let scan = Scan::of(driver, wanted, wanted.since(), &mut args);
    // OFFSET 0: each slot is a scan of its own, by all columns of its index.
    let of_slots = |scan: &Scan| {
        let scan = scan.whole();
        format!("({slots}) s CROSS JOIN LATERAL ({scan} OFFSET 0) k")
    };
    FilterQuery {
        // Counted by index first: a set that is too big costs no look at its events.
        sql: format!(
            "WITH counted AS MATERIALIZED (SELECT count(*) > {most} AS is_too_much \
             FROM (SELECT FROM {keys} LIMIT {most} + 1) m) \
             SELECT k.seq, k.created_at, k.id, NULL::bytea FROM {rows} \
             WHERE NOT (SELECT is_too_much FROM counted) AND (k.expires_at IS NULL OR k.expires_at > {now}) \
             UNION ALL SELECT NULL, NULL, NULL, NULL FROM counted WHERE is_too_much",
            keys = of_slots(&scan),
            rows = of_slots(&scan.with_row()),
        ),
        args: args.list,
    }
}

fn looked_up(part: &(Wanted, Option<Driver>), most: i64, now: i64) -> FilterQuery {
    let mut args = Args::default();
    let (now, most) = (args.int(now), args.int(most));
    let is_alive = format!("(e.expires_at IS NULL OR e.expires_at > {now})");
    let keys = keys(std::slice::from_ref(part), &is_alive, &mut args);
    let raw = if part.0.filter.tags.is_empty() {
        "NULL::bytea"
    } else {
        "e.raw"
    };
    FilterQuery {
        // Counted by index first, as above.
        sql: format!(
            "WITH keys AS MATERIALIZED (SELECT DISTINCT seq FROM ({keys}) m LIMIT {most} + 1), \
             counted AS MATERIALIZED (SELECT count(*) > {most} AS is_too_much FROM keys) \
             SELECT e.seq, e.created_at, e.id, {raw} FROM (SELECT seq FROM keys ORDER BY seq) k \
             JOIN events e ON e.seq = k.seq WHERE NOT (SELECT is_too_much FROM counted) AND {is_alive} \
             UNION ALL SELECT NULL, NULL, NULL, NULL FROM counted WHERE is_too_much"
        ),
        args: args.list,
    }
}
