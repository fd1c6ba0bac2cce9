//! The parameters of a statement.

use protocol::{Filter, TagFilter};

use crate::{batch::signed, keys::tag_key, search::TsQuery};

/// A filter with the numbers of its authors.
#[derive(Debug)]
pub(crate) struct Wanted<'f> {
    pub filter: &'f Filter,
    pub authors: Option<Vec<i32>>,
    /// The authors are those whom events were signed for (NIP-26), not those who signed.
    pub as_delegators: bool,
    /// Private messages, which nobody signs for another.
    pub is_private: bool,
    /// Kinds that are left out, of a filter that names none.
    pub without: &'static [u16],
    /// What it searches for.
    pub search: Option<TsQuery>,
}

impl Wanted<'_> {
    /// The filter's lower bound.
    pub fn since(&self) -> i64 {
        signed(self.filter.since.unwrap_or(0))
    }

    /// The filter's upper bound.
    pub fn until(&self) -> i64 {
        self.filter.until.map_or(i64::MAX, signed)
    }
}

/// Values that are compared one after the other; more of them are hashed.
pub(super) const COMPARED: usize = 8;

/// An argument.
#[derive(Debug, Clone)]
pub(crate) enum Arg {
    Int(i64),
    Ints(Vec<i64>),
    Int4s(Vec<i32>),
    Bytes(Vec<Vec<u8>>),
    Text(String),
}

/// Arguments, each known in the text by its number.
#[derive(Debug, Default)]
pub(crate) struct Args {
    pub list: Vec<Arg>,
}

impl Args {
    fn push(&mut self, arg: Arg, cast: &str) -> String {
        self.list.push(arg);
        format!("${}::{cast}", self.list.len())
    }

    pub fn int(&mut self, value: i64) -> String {
        self.push(Arg::Int(value), "bigint")
    }

    pub fn ints(&mut self, values: Vec<i64>) -> String {
        self.push(Arg::Ints(values), "bigint[]")
    }

    pub fn text(&mut self, value: String) -> String {
        self.push(Arg::Text(value), "text")
    }

    pub fn int4s(&mut self, values: Vec<i32>) -> String {
        self.push(Arg::Int4s(values), "int4[]")
    }

    pub fn bytes(&mut self, values: Vec<Vec<u8>>) -> String {
        self.push(Arg::Bytes(values), "bytea[]")
    }

    /// The hashes of a tag's values.
    pub fn tag(&mut self, tag: &TagFilter) -> String {
        let keys = tag
            .values
            .iter()
            .map(|value| tag_key(tag.letter, value))
            .collect();
        self.push(Arg::Ints(keys), "bigint[]")
    }

    /// The filter's ids, if it names any.
    pub fn ids(&mut self, wanted: &Wanted) -> Option<String> {
        let ids = wanted.filter.ids.as_ref()?;
        let ids = ids.iter().map(|id| id.as_bytes().to_vec()).collect();
        Some(self.bytes(ids))
    }

    /// The filter's kinds, if it names any.
    pub fn kinds(&mut self, wanted: &Wanted) -> Option<String> {
        let kinds = wanted.filter.kinds.as_ref()?;
        Some(self.int4s(kinds.iter().copied().map(i32::from).collect()))
    }

    /// The condition that a column has one of so many values. One of many is found by a hash of them, built once: IS TRUE keeps
    /// Postgres from making a join of it, which would go through all of them for each row.
    pub fn one_of(column: &str, list: &str, count: usize) -> String {
        if count <= COMPARED {
            format!("{column} = ANY ({list})")
        } else {
            format!("({column} IN (SELECT unnest({list}))) IS TRUE")
        }
    }

    /// The condition that an array has one of so many values. Postgres compares arrays each value with each.
    pub fn any_of(column: &str, list: &str, count: usize) -> String {
        if count <= COMPARED {
            format!("{column} && {list}")
        } else {
            let is_wanted = Self::one_of("t", list, count);
            format!("EXISTS (SELECT FROM unnest({column}) t WHERE {is_wanted} OFFSET 0)")
        }
    }

    /// The condition that leaves kinds out, on a column.
    pub fn other_kinds(&mut self, wanted: &Wanted, column: &str) -> Option<String> {
        if wanted.without.is_empty() {
            return None;
        }
        let kinds = self.int4s(wanted.without.iter().copied().map(i32::from).collect());
        Some(format!("{column} <> ALL ({kinds})"))
    }

    /// The filter's authors, if it names any.
    pub fn authors(&mut self, wanted: &Wanted) -> Option<String> {
        wanted.authors.clone().map(|authors| self.int4s(authors))
    }
}
