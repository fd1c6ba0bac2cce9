//! The tags of an event, in one piece of memory.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeSeed, Error, SeqAccess, Visitor},
    ser::SerializeSeq,
};

/// All tags of an event: an array of arrays of strings ([NIP-01](https://nips.nostr.com/1)).
///
/// A contact list has thousands of tags. Each string on its own would be an allocation; here they lie one after the
/// other in one buffer.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tags {
    text: String,
    /// Where each string ends in `text`.
    ends: Vec<u32>,
    /// How many strings stand before the end of each tag.
    tags: Vec<u32>,
}

/// One tag: its name, its value, and what follows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Tag<'a> {
    of: &'a Tags,
    first: usize,
    len: usize,
}

impl Tags {
    /// Number of tags.
    pub fn len(&self) -> usize {
        self.tags.len()
    }

    /// Whether there is no tag.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty()
    }

    /// The tags in their order.
    pub fn iter(&self) -> impl Iterator<Item = Tag<'_>> {
        let mut first = 0;
        self.tags.iter().map(move |end| {
            let tag = Tag {
                of: self,
                first,
                len: *end as usize - first,
            };
            first = *end as usize;
            tag
        })
    }

    /// The values that relays index: of each tag with a one-letter name (`a-z`, `A-Z`) the first value.
    pub fn indexed(&self) -> impl Iterator<Item = (u8, &str)> {
        self.iter().filter_map(|tag| Some((tag.letter()?, tag.value()?)))
    }

    /// The value of the first tag of this name.
    pub fn first_value(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|tag| tag.name() == Some(name))
            .and_then(|tag| tag.value())
    }

    fn push_string(&mut self, text: &str) {
        if self.ends.is_empty() {
            self.make_room();
        }
        self.text.push_str(text);
        self.ends.push(self.text.len() as u32);
    }

    /// For the three or four tags of most events, which would grow here string by string.
    fn make_room(&mut self) {
        self.text.reserve(256);
        self.ends.reserve(16);
        self.tags.reserve(8);
    }

    fn end_tag(&mut self) {
        self.tags.push(self.ends.len() as u32);
    }
}

impl<'a> Tag<'a> {
    /// Number of strings, the name included.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the tag is `[]`.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The string at a position; 0 is the name.
    pub fn get(&self, index: usize) -> Option<&'a str> {
        (index < self.len).then(|| {
            let at = self.first + index;
            let start = if at == 0 { 0 } else { self.of.ends[at - 1] as usize };
            &self.of.text[start..self.of.ends[at] as usize]
        })
    }

    /// The name, such as `e`.
    pub fn name(&self) -> Option<&'a str> {
        self.get(0)
    }

    /// The first value.
    pub fn value(&self) -> Option<&'a str> {
        self.get(1)
    }

    /// The name when it is one letter.
    pub fn letter(&self) -> Option<u8> {
        match self.name()?.as_bytes() {
            [letter] if letter.is_ascii_alphabetic() => Some(*letter),
            _ => None,
        }
    }

    /// All strings.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> {
        let tag = *self;
        (0..tag.len).filter_map(move |index| tag.get(index))
    }
}

impl fmt::Debug for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl fmt::Debug for Tag<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T: AsRef<str>> FromIterator<Vec<T>> for Tags {
    fn from_iter<I: IntoIterator<Item = Vec<T>>>(tags: I) -> Self {
        let mut all = Self::default();
        for tag in tags {
            for text in &tag {
                all.push_string(text.as_ref());
            }
            all.end_tag();
        }
        all
    }
}

impl Serialize for Tags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.len()))?;
        for tag in self.iter() {
            list.serialize_element(&tag.iter().collect::<Vec<_>>())?;
        }
        list.end()
    }
}

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(AllTags)
    }
}

struct AllTags;
struct OneTag<'t>(&'t mut Tags);
struct OneString<'t>(&'t mut Tags);

impl<'de> Visitor<'de> for AllTags {
    type Value = Tags;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of tags")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tags, A::Error> {
        let mut tags = Tags::default();
        while list.next_element_seed(OneTag(&mut tags))?.is_some() {
            tags.end_tag();
        }
        Ok(tags)
    }
}

impl<'de> DeserializeSeed<'de> for OneTag<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for OneTag<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a tag: an array of one or more strings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        // NIP-01: one or more strings. What reads events elsewhere refuses `[]`, too.
        let mut strings = 0;
        while list.next_element_seed(OneString(self.0))?.is_some() {
            strings += 1;
        }
        if strings == 0 {
            return Err(A::Error::invalid_length(0, &self));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for OneString<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for OneString<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string in a tag")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.0.push_string(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_string_keeps_its_place() {
        let json = r#"[["e","abc","wss://r"],["-"],["T","x"],["tt","y"],["",""]]"#;
        let tags: Tags = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&tags).unwrap(), json);
        assert_eq!(tags.len(), 5);
        assert_eq!(tags.indexed().collect::<Vec<_>>(), [(b'e', "abc"), (b'T', "x")]);
        assert_eq!(tags.first_value("tt"), Some("y"));
        assert_eq!(tags.first_value("-"), None);
    }

    #[test]
    fn a_tag_is_one_or_more_strings() {
        for json in [
            "[[]]",
            r#"[["e"],[]]"#,
            r#"[["e",1]]"#,
            r#"[["e",null]]"#,
            r#"["e"]"#,
            r#"{}"#,
            r#"[[["e"]]]"#,
        ] {
            assert!(serde_json::from_str::<Tags>(json).is_err(), "{json}");
        }
    }
}
