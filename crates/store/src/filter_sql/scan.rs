//! The scan of one slot.

use protocol::TagFilter;

use super::{Args, Driver, Wanted, args::COMPARED};

/// The scan of one slot, as a SELECT that wants its lower bound, order and limit yet.
pub(super) struct Scan {
    columns: String,
    table: &'static str,
    /// The condition that it is the row of a slot.
    of_slot: String,
    conditions: String,
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
        for (place, tag) in wanted.filter.tags.iter().enumerate() {
            if driver != Driver::Tag(place) {
                conditions.push(has_tag(tag, seq, args));
            }
        }
        Self {
            columns: format!("x.{seq} AS seq, x.created_at, x.id_head"),
            table,
            of_slot,
            conditions: conditions.join(" AND "),
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
            self.columns, self.table, self.of_slot, self.conditions
        )
    }

    /// The same of rows that have been read.
    pub fn of_rows(&self, rows: &str) -> String {
        format!(
            "SELECT {} FROM {rows} x WHERE {} AND x.created_at >= {}",
            self.columns, self.conditions, self.since
        )
    }
}

/// A look at one entry of the index, or of many values at the few tags that the event has. OFFSET 0 keeps it one look: as a join
/// it would read all entries of the tag.
fn has_tag(tag: &TagFilter, seq: &str, args: &mut Args) -> String {
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
