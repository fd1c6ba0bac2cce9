//! Slots: the combinations of values that an index is asked for one by one.

use protocol::{Filter, TagFilter};

use super::{Args, Wanted, values::Values};

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

impl Driver {
    /// The parameter with its values, and how many these are.
    pub(super) fn values(self, wanted: &Wanted, args: &mut Args) -> (String, usize) {
        match self {
            Self::Tag(place) => {
                let tag = &wanted.filter.tags[place];
                (args.tag(tag), tag.values.len())
            }
            _ => {
                let authors = args.authors(wanted).unwrap_or_default();
                (authors, wanted.authors.as_ref().map_or(0, Vec::len))
            }
        }
    }

    /// Whether it has many values whose kinds have to be found: most of them will be read whole.
    pub(super) fn is_wide(self, filter: &Filter) -> bool {
        let values = match self {
            Self::Tag(place) => filter.tags[place].values.len(),
            Self::Authors | Self::Delegators => filter.authors.as_ref().map_or(0, Vec::len),
            Self::Kinds | Self::Time => 0,
        };
        values >= MANY && filter.kinds.as_ref().is_none_or(|kinds| kinds.len() > KINDS)
    }
}

/// Slots that are asked for the whole limit at once: a second look would cost more.
const FEW: usize = 4;

/// Slots, or values whose kinds have to be found, from which on these are many.
pub(super) const MANY: usize = 50;

/// Kinds that each value is asked for. Of more it is cheaper to see which of them a value has.
const KINDS: usize = 8;

/// Values of another tag whose kinds are looked up, to scan no others.
const COMMON: usize = 200;

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
            _ => driver.values(wanted, args),
        };
        let named = args.kinds(wanted);
        if let Some(list) = named.as_ref().filter(|_| kinds <= KINDS) {
            let slots = format!("SELECT v, k AS kind FROM unnest({values}) v CROSS JOIN unnest({list}) k");
            return Self::new(slots, count * kinds);
        }
        let mut of_kinds = vec!["true".to_owned()];
        of_kinds.extend(named.map(|list| Args::one_of("x.kind", &list, kinds)));
        of_kinds.extend(args.other_kinds(wanted, "x.kind"));
        of_kinds.extend(common_kinds(driver, wanted, args));
        Self::Values(Values {
            driver,
            list: values,
            count,
            of_kinds: of_kinds.join(" AND "),
        })
    }

    fn new(slots: String, count: usize) -> Self {
        if count <= FEW {
            Self::Few(slots)
        } else {
            Self::Many { slots, count }
        }
    }

    /// None of them, unless a condition without columns holds. A few, or one, stay.
    pub fn only_if(self, condition: &str) -> Self {
        match self {
            Self::Many { slots, count } => Self::Many {
                slots: format!("SELECT * FROM ({slots}) a WHERE {condition}"),
                count,
            },
            Self::Values(values) => Self::Values(Values {
                list: format!("CASE WHEN {condition} THEN {} END", values.list),
                ..values
            }),
            few => few,
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

/// Only kinds that the other tags occur with, which are looked up once and may save the whole scan of a slot.
fn common_kinds(driver: Driver, wanted: &Wanted, args: &mut Args) -> Vec<String> {
    let tags = wanted.filter.tags.iter().enumerate();
    let others = tags.filter(|(place, tag)| driver != Driver::Tag(*place) && tag.values.len() <= COMMON);
    let condition = |(place, tag): (usize, &TagFilter)| {
        let kinds = jump(Driver::Tag(place), &format!("unnest({}) v", args.tag(tag)));
        format!("(x.kind IN (SELECT kind FROM ({kinds}) o)) IS TRUE")
    };
    others.map(condition).collect()
}

/// Whether a scan has conditions that its index does not yield the rows by.
pub(super) fn is_narrowed(driver: Driver, wanted: &Wanted) -> bool {
    match driver {
        Driver::Tag(_) => wanted.authors.is_some() || wanted.filter.tags.len() > 1,
        Driver::Authors | Driver::Delegators | Driver::Kinds | Driver::Time => !wanted.filter.tags.is_empty(),
    }
}

/// Table, name of its sequence number, and the column of a slot's value.
pub(super) fn table(driver: Driver) -> (&'static str, &'static str, &'static str) {
    match driver {
        Driver::Delegators => ("event_delegators", "event", "author"),
        Driver::Tag(_) => ("searchable_tags", "event", "tag"),
        Driver::Authors | Driver::Kinds | Driver::Time => ("events", "seq", "author"),
    }
}

/// Each value with each kind that it has rows of, and the newest of these rows: one entry of the index is read to jump
/// from a kind to the next. The values are `v` of a source.
pub(super) fn jump(driver: Driver, source: &str) -> String {
    let (table, seq, value) = table(driver);
    let row = format!("SELECT kind, created_at, id_head, {seq} AS seq FROM {table}");
    format!(
        "SELECT v, j.* FROM {source} CROSS JOIN LATERAL (WITH RECURSIVE jump AS (\
         ({row} WHERE {value} = v ORDER BY kind, created_at DESC, id_head LIMIT 1) UNION ALL \
         SELECT n.* FROM jump CROSS JOIN LATERAL ({row} WHERE {value} = v AND kind > jump.kind \
         ORDER BY kind, created_at DESC, id_head LIMIT 1) n) SELECT * FROM jump) j"
    )
}
