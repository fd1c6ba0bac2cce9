//! Whether an event really has the tags that it was found by: 64 bits are a hint, not a proof.

use protocol::{Filter, TagFilter};

/// Looks for the tags of a filter in canonical JSON.
///
/// `["x","` stands in canonical JSON only where a tag begins: within a string a quote has a backslash before it, and no
/// other array holds arrays. So a search in the bytes is exact, and costs a hundredth of parsing.
#[derive(Debug)]
pub(crate) struct Recheck {
    /// For each letter: the beginnings of tags, of which one must be there.
    letters: Vec<Vec<String>>,
}

impl Recheck {
    pub fn new(filter: &Filter) -> Self {
        let beginning = |letter: u8, value: &str| {
            // A string always has a JSON form; serde_json writes the escapes of NIP-01 for it.
            let value = serde_json::to_string(value).unwrap_or_default();
            format!("[\"{}\",{value}", char::from(letter))
        };
        let of = |tag: &TagFilter| {
            tag.values
                .iter()
                .map(|value| beginning(tag.letter, value))
                .collect()
        };
        Self {
            letters: filter.tags.iter().map(of).collect(),
        }
    }

    pub fn holds(&self, json: &[u8]) -> bool {
        self.letters.iter().all(|beginnings| {
            beginnings
                .iter()
                .any(|beginning| memchr::memmem::find(json, beginning.as_bytes()).is_some())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_tags_and_nothing_that_looks_like_them() {
        let filter: Filter = serde_json::from_str(r##"{"#t":["a\"b","x"]}"##).unwrap();
        let recheck = Recheck::new(&filter);
        assert!(recheck.holds(br#"{"tags":[["t","x"]],"content":""}"#));
        assert!(recheck.holds(br#"{"tags":[["p","q"],["t","a\"b","z"]],"content":""}"#));
        assert!(!recheck.holds(br#"{"tags":[["t","xy"]],"content":"[\"t\",\"x\"]"}"#));
        assert!(!recheck.holds(br#"{"tags":[["y","[","t","x"],["r","t","x"]],"content":""}"#));
    }
}
