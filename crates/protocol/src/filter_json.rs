//! Filters in JSON: `{"ids":[…],"authors":[…],"kinds":[…],"#e":[…],"since":…,"until":…,"limit":…}`.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, IgnoredAny, MapAccess, Visitor},
    ser::SerializeMap,
};

use crate::{
    EventId, Filter, MAX_CREATED_AT, Prefix, PublicKey, Reason, Search, TagFilter, search::InvalidSearch,
};

/// A filter with its unknown keys, so that the answer can tell "unsupported" from "invalid".
pub(crate) struct ParsedFilter {
    filter: Filter,
    unknown: Option<String>,
    invalid_search: Option<InvalidSearch>,
}

/// Why a filter cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFilter {
    /// A key that NIP-01 does not know and this relay neither.
    #[error("filter contains an unknown element: {0}")]
    UnknownElement(String),
    /// Such a window is always empty.
    #[error("since is later than until")]
    SinceAfterUntil,
    /// A search that is too long or cannot be understood.
    #[error(transparent)]
    Search(#[from] InvalidSearch),
}

impl InvalidFilter {
    /// As it is told to the client.
    pub fn reason(&self) -> Reason {
        let prefix = match self {
            Self::UnknownElement(_) => Prefix::Unsupported,
            Self::SinceAfterUntil | Self::Search(_) => Prefix::Invalid,
        };
        Reason::new(prefix, self.to_string())
    }
}

impl ParsedFilter {
    pub(crate) fn check(self) -> Result<Filter, InvalidFilter> {
        if let Some(key) = self.unknown {
            return Err(InvalidFilter::UnknownElement(key));
        }
        if let Some(error) = self.invalid_search {
            return Err(error.into());
        }
        match (self.filter.since, self.filter.until) {
            (Some(since), Some(until)) if since > until => Err(InvalidFilter::SinceAfterUntil),
            _ => Ok(self.filter),
        }
    }
}

impl<'de> Deserialize<'de> for ParsedFilter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FilterObject)
    }
}

impl<'de> Deserialize<'de> for Filter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ParsedFilter::deserialize(deserializer)?
            .check()
            .map_err(D::Error::custom)
    }
}

struct FilterObject;

impl<'de> Visitor<'de> for FilterObject {
    type Value = ParsedFilter;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a filter object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ParsedFilter, A::Error> {
        let mut filter = Filter::default();
        let mut unknown = None;
        let mut invalid_search = None;
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "ids" => once(&mut filter.ids, "ids", set::<EventId, A>(&mut map)?)?,
                "authors" => once(&mut filter.authors, "authors", set::<PublicKey, A>(&mut map)?)?,
                "kinds" => {
                    let kinds = set::<u64, A>(&mut map)?
                        .into_iter()
                        .filter_map(|kind| kind.try_into().ok());
                    once(&mut filter.kinds, "kinds", kinds.collect())?;
                }
                "since" => once(
                    &mut filter.since,
                    "since",
                    map.next_value::<u64>()?.min(MAX_CREATED_AT),
                )?,
                "until" => once(
                    &mut filter.until,
                    "until",
                    map.next_value::<u64>()?.min(MAX_CREATED_AT),
                )?,
                "limit" => {
                    let limit = u32::try_from(map.next_value::<u64>()?).unwrap_or(u32::MAX);
                    once(&mut filter.limit, "limit", limit)?;
                }
                "search" => match Search::parse(&map.next_value::<String>()?) {
                    Ok(search) => once(&mut filter.search, "search", search)?,
                    Err(error) => invalid_search = Some(error),
                },
                other => match tag_letter(other) {
                    Some(letter) => filter.tags.push(tag_filter(letter, &filter.tags, &mut map)?),
                    None => {
                        map.next_value::<IgnoredAny>()?;
                        unknown.get_or_insert(shortened(key));
                    }
                },
            }
        }
        Ok(ParsedFilter {
            filter,
            unknown,
            invalid_search,
        })
    }
}

fn once<T, E: Error>(field: &mut Option<T>, key: &'static str, value: T) -> Result<(), E> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::duplicate_field(key)),
    }
}

fn set<'de, T: Deserialize<'de> + Ord, A: MapAccess<'de>>(map: &mut A) -> Result<Vec<T>, A::Error> {
    let mut values = map.next_value::<Vec<T>>()?;
    values.sort_unstable();
    values.dedup();
    Ok(values)
}

fn tag_letter(key: &str) -> Option<u8> {
    match key.as_bytes() {
        [b'#', letter] if letter.is_ascii_alphabetic() => Some(*letter),
        _ => None,
    }
}

fn tag_filter<'de, A: MapAccess<'de>>(
    letter: u8,
    seen: &[TagFilter],
    map: &mut A,
) -> Result<TagFilter, A::Error> {
    let tag = TagFilter::new(letter, map.next_value()?);
    if seen.iter().any(|tag| tag.letter == letter) {
        return Err(A::Error::custom(format_args!(
            "duplicate field `#{}`",
            char::from(letter)
        )));
    }
    // NIP-01 wants exact lower-case hex here; anything else could never match and shows a client's fault.
    if matches!(letter, b'e' | b'p') {
        for value in &tag.values {
            value
                .parse::<EventId>()
                .map_err(|error| A::Error::custom(format_args!("`#{}`: {error}", char::from(letter))))?;
        }
    }
    Ok(tag)
}

/// A key that somebody else wrote is repeated to him, but not without bound.
fn shortened(key: String) -> String {
    if key.len() <= 32 {
        key
    } else {
        key.chars().take(32).collect()
    }
}

impl Serialize for Filter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(ids) = &self.ids {
            map.serialize_entry("ids", ids)?;
        }
        if let Some(authors) = &self.authors {
            map.serialize_entry("authors", authors)?;
        }
        if let Some(kinds) = &self.kinds {
            map.serialize_entry("kinds", kinds)?;
        }
        for tag in &self.tags {
            map.serialize_entry(&format!("#{}", char::from(tag.letter)), &AsWritten(tag))?;
        }
        for (key, time) in [("since", self.since), ("until", self.until)] {
            if let Some(time) = time {
                map.serialize_entry(key, &time)?;
            }
        }
        if let Some(limit) = self.limit {
            map.serialize_entry("limit", &limit)?;
        }
        if let Some(search) = &self.search {
            map.serialize_entry("search", search)?;
        }
        map.end()
    }
}

/// The values of a tag with the first one first.
struct AsWritten<'a>(&'a TagFilter);

impl Serialize for AsWritten<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let TagFilter { values, first, .. } = self.0;
        let others = values.iter().enumerate().filter(|(at, _)| at != first);
        serializer.collect_seq(
            values
                .get(*first)
                .into_iter()
                .chain(others.map(|(_, value)| value)),
        )
    }
}
