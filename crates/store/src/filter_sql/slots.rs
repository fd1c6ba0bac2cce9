//! Slots: the combinations of values that an index is asked for one by one.

use protocol::TagFilter;

use super::{Args, Wanted, args::COMPARED};

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

/// Kinds that each value is asked for. Of more it is cheaper to see which of them a value has.
const KINDS: usize = 8;

/// Where slots come from: SELECTs of a value `v` and a `kind`.
pub(super) enum Slots {
    /// There is one, and it has no columns.
    One,
    Few(String),
    Many {
        slots: String,
        count: usize,
    },
    /// Each value with the kinds that it has rows of.
    Values(Values),
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
        match args.kinds(wanted) {
            Some(list) if kinds <= KINDS => {
                let slots =
                    format!("SELECT v, k AS kind FROM unnest({values}) v CROSS JOIN unnest({list}) k");
                Self::new(slots, count * kinds)
            }
            Some(list) => Self::Values(Values {
                driver,
                list: values,
                count,
                of_kinds: format!(" AND {}", Args::one_of("x.kind", &list, kinds)),
            }),
            None => {
                let others = args.other_kinds(wanted, "x.kind");
                Self::Values(Values {
                    driver,
                    list: values,
                    count,
                    of_kinds: others.map_or_else(String::new, |others| format!(" AND {others}")),
                })
            }
        }
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
            Self::Few(slots) | Self::Many { slots, .. } => slots,
            Self::Values(values) => {
                let source = format!("unnest({}) v", values.list);
                values.with_kinds(&source)
            }
        }
    }
}

/// Values whose kinds are found: none are named, or so many that most are in vain.
pub(super) struct Values {
    driver: Driver,
    /// The parameter.
    list: String,
    pub count: usize,
    /// The condition on `x.kind`, or nothing.
    of_kinds: String,
}

/// Rows up to which all that a value has is read: about what it costs to see which kinds it has, and most have less.
const WHOLE: usize = 64;

impl Values {
    /// `seen`: the first rows that each value has, whatever it asks else; `large`: the values that may have more.
    pub fn read(&self) -> String {
        let (table, seq, value) = table(self.driver);
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
            "{}{} AND x.v NOT IN (SELECT v FROM large)",
            scan.of_rows("seen"),
            self.of_kinds
        )
    }

    /// The values `v` of a source, each with its kinds and the newest row of each.
    pub fn with_kinds(&self, source: &str) -> String {
        format!(
            "SELECT x.* FROM ({}) x WHERE true{}",
            jump(self.driver, source),
            self.of_kinds
        )
    }

    /// Of the large values, with only the kinds that the other tags occur with: a look at one entry each, which may save
    /// the whole scan of a slot.
    pub fn large(&self, wanted: &Wanted, args: &mut Args) -> String {
        let tags = wanted.filter.tags.iter().enumerate();
        let others =
            tags.filter(|(place, tag)| self.driver != Driver::Tag(*place) && tag.values.len() <= COMPARED);
        let conditions: String = others
            .map(|(_, tag)| {
                let tag = args.tag(tag);
                format!(" AND EXISTS (SELECT FROM searchable_tags o WHERE o.tag = ANY ({tag}) AND o.kind = f.kind OFFSET 0)")
            })
            .collect();
        format!(
            "SELECT v, kind FROM ({}) f WHERE true{conditions}",
            self.with_kinds("large")
        )
    }

    /// Whether the newest row of each kind is one that is wanted: then what it takes to find the kinds yields them by the way.
    pub fn are_firsts_wanted(&self, wanted: &Wanted) -> bool {
        wanted.filter.until.is_none() && !is_narrowed(self.driver, wanted)
    }
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
/// from a kind to the next. The values are `v` of a source.
fn jump(driver: Driver, source: &str) -> String {
    let (table, seq, value) = table(driver);
    let row = format!("SELECT kind, created_at, id_head, {seq} AS seq FROM {table}");
    format!(
        "SELECT v, j.* FROM {source} CROSS JOIN LATERAL (WITH RECURSIVE jump AS (\
         ({row} WHERE {value} = v ORDER BY kind, created_at DESC, id_head LIMIT 1) UNION ALL \
         SELECT n.* FROM jump CROSS JOIN LATERAL ({row} WHERE {value} = v AND kind > jump.kind \
         ORDER BY kind, created_at DESC, id_head LIMIT 1) n) SELECT * FROM jump) j"
    )
}

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
        let (table, seq, value) = table(driver);
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
    fn of_rows(&self, rows: &str) -> String {
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
