//! The scan of one slot.

use protocol::TagFilter;

use super::{Args, Driver, Wanted, args::COMPARED};

/// The scan of one slot, as a SELECT that wants its lower bound, order and limit yet.
pub(super) struct Scan {
    /// The name of the sequence number.
    seq: &'static str,
    columns: String,
    table: &'static str,
    /// The condition that it is the row of a slot.
    of_slot: String,
    /// What the index tells.
    conditions: String,
    /// What has to be looked up for each row.
    looks: Vec<String>,
    /// The lower bound.
    pub since: String,
}

impl Scan {
    pub fn of(driver: Driver, wanted: &Wanted, since: i64, args: &mut Args) -> Self {
        let since = args.int(since);
        let (table, seq, value) = driver.table();
        let mut conditions = vec![format!("x.created_at <= {}", args.int(wanted.until()))];
        let of_slot = match driver {
            Driver::Time => {
                conditions.extend(args.other_kinds(wanted, "x.kind"));
                String::new()
            }
            Driver::Kinds => "x.kind = s.kind AND ".to_owned(),
            Driver::Authors | Driver::Delegators | Driver::Tag(_) => {
                format!("x.{value} = s.v AND x.kind = s.kind AND ")
            }
        };
        if let (Driver::Tag(_), Some(authors)) = (driver, &wanted.authors) {
            let list = args.int4s(authors.clone());
            conditions.push(Args::one_of("x.author", &list, authors.len()));
        }
        let tags = wanted.filter.tags.iter().enumerate();
        let others = tags.filter(|(place, _)| driver != Driver::Tag(*place));
        Self {
            seq,
            columns: format!("x.{seq} AS seq, x.created_at, x.id_head"),
            table,
            of_slot,
            conditions: conditions.join(" AND "),
            looks: others.map(|(_, tag)| has_tag(tag, seq, args)).collect(),
            since,
        }
    }

    /// Yields the authors, too: by index for [`Driver::Authors`] and [`Driver::Tag`].
    pub fn with_author(mut self) -> Self {
        self.columns.push_str(", x.author");
        self
    }

    /// Yields what only the event's own row has, too.
    pub fn with_row(mut self) -> Self {
        self.columns.push_str(", x.id, x.expires_at");
        self
    }

    pub fn whole(&self) -> String {
        self.above(&self.since)
    }

    pub fn above(&self, bound: &str) -> String {
        format!(
            "SELECT {} FROM {} x WHERE {}{} AND x.created_at >= {bound}",
            self.columns,
            self.table,
            self.of_slot,
            self.all_conditions()
        )
    }

    /// The same of rows that have been read.
    pub fn of_rows(&self, rows: &str) -> String {
        format!(
            "SELECT {} FROM {rows} x WHERE {} AND x.created_at >= {}",
            self.columns,
            self.all_conditions(),
            self.since
        )
    }

    fn all_conditions(&self) -> String {
        let looks = self.looks.iter().map(String::as_str);
        let all: Vec<&str> = std::iter::once(&*self.conditions).chain(looks).collect();
        all.join(" AND ")
    }

    /// Whether anything has to be looked up.
    pub fn has_looks(&self) -> bool {
        !self.looks.is_empty()
    }

    /// What the index tells alone, of a slot or of rows that have been read: what it takes to look anything up.
    pub fn keys(&self, rows: Option<&str>) -> String {
        let (rows, of_slot) = match rows {
            Some(rows) => (rows, ""),
            None => (self.table, &*self.of_slot),
        };
        format!(
            "SELECT x.{}, x.created_at, x.id_head, x.kind FROM {rows} x WHERE {of_slot}{} AND x.created_at >= {}",
            self.seq, self.conditions, self.since
        )
    }

    /// The newest `n` (a parameter) of such keys for which everything holds. Looked up from the newest on, until there are enough.
    pub fn newest_of(&self, keys: &str, n: &str) -> String {
        let seq = self.seq;
        // OFFSET 0 keeps what is looked up above the sort.
        format!(
            "SELECT x.{seq} AS seq, x.created_at, x.id_head FROM \
             (SELECT DISTINCT {seq}, created_at, id_head, kind FROM ({keys}) k ORDER BY created_at DESC, id_head OFFSET 0) x \
             WHERE {} ORDER BY x.created_at DESC, x.id_head LIMIT {n}",
            self.looks.join(" AND ")
        )
    }
}

/// A look at one entry of the index, or of many values at the few tags that the event has. OFFSET 0 keeps it one look: as a join
/// it would read all entries of the tag.
pub(super) fn has_tag(tag: &TagFilter, seq: &str, args: &mut Args) -> String {
    let (list, count) = (args.tag(tag), tag.values.len());
    let has_value = Args::one_of("o.tag", &list, count);
    if count > COMPARED {
        return format!(
            "EXISTS (SELECT FROM searchable_tags o WHERE o.event = x.{seq} AND {has_value} OFFSET 0)"
        );
    }
    format!(
        "EXISTS (SELECT FROM searchable_tags o WHERE {has_value} AND o.kind = x.kind \
         AND o.created_at = x.created_at AND o.id_head = x.id_head AND o.event = x.{seq} OFFSET 0)"
    )
}
