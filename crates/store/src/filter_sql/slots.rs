//! Slots: the combinations of values that an index is asked for one by one.

use protocol::TagFilter;

use super::{Args, Wanted};

/// What the slots are made of, and so which index is scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Driver {
    /// `searchable_tags_by_tag`, by the values of this one of the filter's tags.
    Tag(usize),
    /// `events_by_author`.
    Authors,
    /// `event_delegators_by_author`.
    Delegators,
    /// `events_by_kind`.
    Kinds,
    /// `events_by_time`.
    Time,
}

/// Slots that are asked for the whole limit at once: a second look would cost more.
const FEW: usize = 4;

/// Where slots come from: SELECTs of a value `v` and a `kind`.
pub(super) enum Slots {
    /// There is one, and it has no columns.
    One,
    Few(String),
    Many {
        slots: String,
        count: usize,
    },
    /// With each slot its newest row: what it takes to find the kinds yields them by the way.
    FirstOfEachKind(String),
}

impl Slots {
    pub fn of(driver: Driver, wanted: &Wanted, args: &mut Args) -> Self {
        let kinds = wanted.filter.kinds.as_ref().map_or(0, Vec::len);
        let (values, count) = match driver {
            Driver::Time => return Self::One,
            Driver::Kinds => {
                let list = args.kinds(wanted).unwrap_or_default();
                let slots = format!("SELECT NULL::int4 AS v, k AS kind FROM unnest({list}) k");
                return Self::new(slots, kinds);
            }
            Driver::Authors | Driver::Delegators => {
                let authors = args.authors(wanted).unwrap_or_default();
                (authors, wanted.authors.as_ref().map_or(0, Vec::len))
            }
            Driver::Tag(place) => {
                let tag = &wanted.filter.tags[place];
                (args.tag(tag), tag.values.len())
            }
        };
        if let Some(list) = args.kinds(wanted) {
            let slots = format!("SELECT v, k AS kind FROM unnest({values}) v CROSS JOIN unnest({list}) k");
            return Self::new(slots, count * kinds);
        }
        let first = match args.other_kinds(wanted, "a.kind") {
            Some(others) => format!("SELECT * FROM ({}) a WHERE {others}", jump(driver, &values)),
            None => jump(driver, &values),
        };
        if wanted.filter.until.is_none() && !is_narrowed(driver, wanted) {
            return Self::FirstOfEachKind(first);
        }
        let slots = format!(
            "SELECT v, kind FROM ({first}) f{}",
            common_kinds(driver, wanted, args)
        );
        Self::Many { slots, count }
    }

    fn new(slots: String, count: usize) -> Self {
        if count <= FEW {
            Self::Few(slots)
        } else {
            Self::Many { slots, count }
        }
    }

    /// The slots alone.
    pub fn into_select(self) -> String {
        match self {
            Self::One => "SELECT NULL::int4 AS v, NULL::int4 AS kind".to_owned(),
            Self::Few(slots) | Self::Many { slots, .. } | Self::FirstOfEachKind(slots) => slots,
        }
    }
}

/// Only kinds that the other tags occur with: a look at one entry each, which may save the whole scan of a slot.
fn common_kinds(driver: Driver, wanted: &Wanted, args: &mut Args) -> String {
    let tags = wanted.filter.tags.iter().enumerate();
    let others = tags.filter(|(place, _)| driver != Driver::Tag(*place));
    let conditions: Vec<String> = others
        .map(|(_, tag)| {
            let tag = args.tag(tag);
            format!("EXISTS (SELECT FROM searchable_tags o WHERE o.tag = ANY ({tag}) AND o.kind = f.kind OFFSET 0)")
        })
        .collect();
    if conditions.is_empty() {
        return String::new();
    }
    format!(" WHERE {}", conditions.join(" AND "))
}

/// Whether a scan has conditions that its index does not yield the rows by.
fn is_narrowed(driver: Driver, wanted: &Wanted) -> bool {
    match driver {
        Driver::Tag(_) => wanted.authors.is_some() || wanted.filter.tags.len() > 1,
        Driver::Authors | Driver::Delegators | Driver::Kinds | Driver::Time => !wanted.filter.tags.is_empty(),
    }
}

/// Table, name of its sequence number, and the column of a slot's value.
fn table(driver: Driver) -> (&'static str, &'static str, &'static str) {
    match driver {
        Driver::Delegators => ("event_delegators", "event", "author"),
        Driver::Tag(_) => ("searchable_tags", "event", "tag"),
        Driver::Authors | Driver::Kinds | Driver::Time => ("events", "seq", "author"),
    }
}

/// Each value with each kind that it has rows of, and the newest of these rows: one entry of the index is read to jump
/// from a kind to the next.
fn jump(driver: Driver, values: &str) -> String {
    let (table, seq, value) = table(driver);
    let row = format!("SELECT kind, created_at, id_head, {seq} AS seq FROM {table}");
    format!(
        "SELECT v, j.* FROM unnest({values}) v CROSS JOIN LATERAL (WITH RECURSIVE jump AS (\
         ({row} WHERE {value} = v ORDER BY kind, created_at DESC, id_head LIMIT 1) UNION ALL \
         SELECT n.* FROM jump CROSS JOIN LATERAL ({row} WHERE {value} = v AND kind > jump.kind \
         ORDER BY kind, created_at DESC, id_head LIMIT 1) n) SELECT * FROM jump) j"
    )
}

/// The scan of one slot, as a SELECT that wants its lower bound, order and limit yet.
pub(super) struct Scan {
    columns: String,
    rows: String,
    /// The lower bound.
    pub since: String,
}

impl Scan {
    pub fn of(driver: Driver, wanted: &Wanted, since: i64, args: &mut Args) -> Self {
        let since = args.int(since);
        let (table, seq, value) = table(driver);
        let mut conditions = vec![format!("x.created_at <= {}", args.int(wanted.until()))];
        match driver {
            Driver::Time => conditions.extend(args.other_kinds(wanted, "x.kind")),
            Driver::Kinds => conditions.push("x.kind = s.kind".to_owned()),
            Driver::Authors | Driver::Delegators | Driver::Tag(_) => {
                conditions.push(format!("x.{value} = s.v AND x.kind = s.kind"));
            }
        }
        if let Driver::Tag(_) = driver {
            conditions.extend(
                args.authors(wanted)
                    .map(|authors| format!("x.author = ANY ({authors})")),
            );
        }
        for (place, tag) in wanted.filter.tags.iter().enumerate() {
            if driver != Driver::Tag(place) {
                conditions.push(has_tag(tag, seq, args));
            }
        }
        Self {
            columns: format!("x.{seq} AS seq, x.created_at, x.id_head"),
            rows: format!("{table} x WHERE {}", conditions.join(" AND ")),
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
            "SELECT {} FROM {} AND x.created_at >= {bound}",
            self.columns, self.rows
        )
    }
}

/// A look at one entry of the index. OFFSET 0 keeps it one: as a join it would read all entries of the tag.
fn has_tag(tag: &TagFilter, seq: &str, args: &mut Args) -> String {
    format!(
        "EXISTS (SELECT FROM searchable_tags o WHERE o.tag = ANY ({}) AND o.kind = x.kind \
         AND o.created_at = x.created_at AND o.id_head = x.id_head AND o.event = x.{seq} OFFSET 0)",
        args.tag(tag)
    )
}
