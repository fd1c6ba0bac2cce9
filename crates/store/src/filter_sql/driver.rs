//! Which condition of a filter drives, and so which index is scanned.

use protocol::Filter;

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

impl Driver {
    /// The parameter with its values.
    pub(super) fn values(self, wanted: &Wanted, args: &mut Args) -> String {
        match self {
            Self::Tag(place) => args.tag(&wanted.filter.tags[place]),
            _ => args.authors(wanted).unwrap_or_default(),
        }
    }

    /// How many values it has.
    pub(crate) fn count(self, filter: &Filter) -> usize {
        match self {
            Self::Tag(place) => filter.tags[place].values.len(),
            Self::Authors | Self::Delegators => filter.authors.as_ref().map_or(0, Vec::len),
            Self::Kinds | Self::Time => 0,
        }
    }

    /// Whether it has many values whose kinds have to be found: most of them will be read whole.
    pub(crate) fn is_wide(self, filter: &Filter) -> bool {
        self.count(filter) >= MANY && filter.kinds.as_ref().is_none_or(|kinds| kinds.len() > KINDS)
    }

    /// Whether a scan has conditions that its index does not yield the rows by.
    pub(super) fn is_narrowed(self, wanted: &Wanted) -> bool {
        match self {
            Self::Tag(_) => wanted.authors.is_some() || wanted.filter.tags.len() > 1,
            Self::Authors | Self::Delegators | Self::Kinds | Self::Time => !wanted.filter.tags.is_empty(),
        }
    }

    /// Table, name of its sequence number, and the column of a slot's value.
    pub(super) fn table(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Delegators => ("event_delegators", "event", "author"),
            Self::Tag(_) => ("searchable_tags", "event", "tag"),
            Self::Authors | Self::Kinds | Self::Time => ("events", "seq", "author"),
        }
    }
}

/// Slots, or values whose kinds have to be found, from which on these are many.
pub(crate) const MANY: usize = 50;

/// Kinds that a value has, about.
pub(crate) const KINDS_OF_VALUE: usize = 4;

/// Kinds that each value is asked for. Of more it is cheaper to see which of them a value has.
pub(crate) const KINDS: usize = 8;

/// Each value with each kind that it has rows of, and the newest of these rows: one entry of the index is read to jump
/// from a kind to the next. The values are `v` of a source.
pub(super) fn jump(driver: Driver, source: &str) -> String {
    let (table, seq, value) = driver.table();
    let row = format!("SELECT kind, created_at, id_head, {seq} AS seq FROM {table}");
    format!(
        "SELECT v, j.* FROM {source} CROSS JOIN LATERAL (WITH RECURSIVE jump AS (\
         ({row} WHERE {value} = v ORDER BY kind, created_at DESC, id_head LIMIT 1) UNION ALL \
         SELECT n.* FROM jump CROSS JOIN LATERAL ({row} WHERE {value} = v AND kind > jump.kind \
         ORDER BY kind, created_at DESC, id_head LIMIT 1) n) SELECT * FROM jump) j"
    )
}
