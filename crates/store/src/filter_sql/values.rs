//! Values whose kinds have to be found.

use super::{Driver, Wanted, driver::jump, looks::all, scan::Scan};

/// Values whose kinds are found: none are named, or so many that most are in vain.
pub(super) struct Values {
    pub driver: Driver,
    /// The parameter.
    pub list: String,
    pub count: usize,
    /// The condition on `x.kind`.
    pub of_kinds: String,
    /// The parameter with the kinds, if these are named and few: then they need not be found.
    pub kinds: Option<String>,
}

/// Rows up to which all that a value has is read: about what it costs to see which kinds it has, and most have less.
const WHOLE: usize = 32;

impl Values {
    /// `seen`: the first rows that each value has, whatever it asks else; `large`: the values that may have more.
    pub fn read(&self) -> String {
        let (table, seq, value) = self.driver.table();
        let author = match self.driver {
            Driver::Tag(_) => ", author",
            _ => "",
        };
        format!(
            "seen AS MATERIALIZED (SELECT v, r.* FROM unnest({list}) v CROSS JOIN LATERAL \
             (SELECT kind, created_at, id_head, {seq}{author} FROM {table} WHERE {value} = v \
             ORDER BY kind, created_at DESC, id_head LIMIT {WHOLE}) r), \
             large AS MATERIALIZED (SELECT v FROM seen GROUP BY v HAVING count(*) = {WHOLE})",
            list = self.list,
        )
    }

    /// What matches of the values that have no more than was read.
    pub fn whole(&self, scan: &Scan) -> String {
        format!(
            "{} AND {} AND x.v NOT IN (SELECT v FROM large)",
            scan.of_rows("seen"),
            self.of_kinds
        )
    }

    /// The keys of all rows that the index does not rule out.
    pub fn keys(&self, scan: &Scan) -> String {
        format!(
            "SELECT * FROM (WITH {} {} AND {} AND x.v NOT IN (SELECT v FROM large) UNION ALL {}) r",
            self.read(),
            scan.keys(Some("seen")),
            self.of_kinds,
            all(&self.with_kinds("large"), scan),
        )
    }

    /// The values `v` of a source, each with its kinds and the newest row of each.
    pub fn with_kinds(&self, source: &str) -> String {
        if let Some(list) = &self.kinds {
            return format!("SELECT v, k AS kind FROM {source} CROSS JOIN unnest({list}) k");
        }
        format!(
            "SELECT x.* FROM ({}) x WHERE {}",
            jump(self.driver, source),
            self.of_kinds
        )
    }

    /// Whether the newest row of each kind is one that is wanted: then what it takes to find the kinds yields them by the way.
    pub fn are_firsts_wanted(&self, wanted: &Wanted) -> bool {
        self.kinds.is_none() && wanted.filter.until.is_none() && !self.driver.is_narrowed(wanted)
    }
}
