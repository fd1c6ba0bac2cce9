//! Two looks at many slots: each is asked for a few rows, and those that may have more for the rest.

use super::scan::Scan;

/// Rows that each of many slots is asked for at first: twice the even share, so that one look is enough when activity is alike.
pub(super) fn first_look(limit: i64, slots: usize) -> i64 {
    (2 * limit / i64::try_from(slots).unwrap_or(i64::MAX) + 2).min(limit)
}

/// Up to `m` rows of each slot.
pub(super) fn each(slots: &str, scan: &Scan, m: &str) -> String {
    format!(
        "SELECT s.v, s.kind, k.* FROM ({slots}) s CROSS JOIN LATERAL \
         ({} ORDER BY created_at DESC, id_head LIMIT {m}) k",
        scan.whole()
    )
}

/// The keys of all rows of each slot that the index does not rule out.
pub(super) fn all(slots: &str, scan: &Scan) -> String {
    // OFFSET 0: each slot is a scan of its own, by all columns of its index.
    format!(
        "SELECT k.* FROM ({slots}) s CROSS JOIN LATERAL ({} OFFSET 0) k",
        scan.keys(None)
    )
}

/// The looks, and what was found before.
#[derive(Default)]
pub(super) struct Looks {
    /// CTEs.
    before: Vec<String>,
    /// SELECTs of seq, created_at and id_head.
    found: Vec<String>,
}

impl Looks {
    /// CTEs that find something before the first look.
    pub fn begin_with(&mut self, ctes: String, found: String) {
        self.before.push(ctes);
        self.found.push(found);
    }

    /// `few` gives up to `m` rows of each slot; where it gave all of them, and the last is above the cut, there may be more. The
    /// `n`-th of all that is known by then makes the cut.
    pub fn twice(self, few: &str, m: &str, scan: &Scan, n: &str) -> String {
        let mut known = vec!["SELECT DISTINCT seq, created_at, id_head FROM few".to_owned()];
        known.extend(self.found);
        let mut ctes = self.before;
        ctes.push(format!("few AS MATERIALIZED ({few})"));
        format!(
            "WITH {ctes}, known AS MATERIALIZED ({known}), \
             cut AS MATERIALIZED (SELECT coalesce((SELECT created_at FROM known \
             ORDER BY created_at DESC OFFSET {n} - 1 LIMIT 1), {since}) AS at), \
             more AS (SELECT k.* FROM cut CROSS JOIN LATERAL \
             (SELECT v, kind FROM few GROUP BY v, kind HAVING count(*) >= {m} AND min(created_at) >= cut.at) s \
             CROSS JOIN LATERAL ({more} ORDER BY created_at DESC, id_head LIMIT {n}) k) \
             SELECT seq, created_at, id_head FROM known UNION SELECT seq, created_at, id_head FROM more \
             ORDER BY created_at DESC, id_head LIMIT {n}",
            ctes = ctes.join(", "),
            known = known.join(" UNION "),
            since = scan.since,
            more = scan.above("cut.at"),
        )
    }
}
