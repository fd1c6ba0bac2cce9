//! Whether an event really has the tags that it was found by: 64 bits are a hint, not a proof.

use protocol::{Filter, PublicKey, TagFilter};

/// Looks for the tags of a filter in canonical JSON.
///
/// `["x","` stands in canonical JSON only where a tag begins: within a string a quote has a backslash before it, and no
/// other array holds arrays. So a search in the bytes is exact, and costs a hundredth of parsing.
#[derive(Debug)]
pub(crate) struct Recheck {
    letters: Vec<Letter>,
}

/// The tags of one letter, of which one must be there.
#[derive(Debug)]
struct Letter {
    /// What such a tag begins with, up to its value.
    beginning: String,
    /// The values as they stand in JSON, without their quotes. Sorted: there may be hundreds, and an event may have
    /// thousands of tags.
    values: Vec<String>,
}

impl Recheck {
    pub fn new(filter: &Filter) -> Self {
        Self {
            letters: filter.tags.iter().map(Letter::new).collect(),
        }
    }

    pub fn holds(&self, json: &[u8]) -> bool {
        self.letters.iter().all(|letter| letter.is_in(json))
    }
}

impl Letter {
    fn new(tag: &TagFilter) -> Self {
        let escaped = |value: &String| {
            // A string always has a JSON form; serde_json writes the escapes of NIP-01 for it.
            let json = serde_json::to_string(value).unwrap_or_default();
            let inner = json.strip_prefix('"').and_then(|json| json.strip_suffix('"'));
            inner.unwrap_or_default().to_owned()
        };
        let mut values: Vec<String> = tag.values.iter().map(escaped).collect();
        values.sort_unstable();
        Self {
            beginning: format!("[\"{}\",\"", char::from(tag.letter)),
            values,
        }
    }

    fn is_in(&self, json: &[u8]) -> bool {
        memchr::memmem::find_iter(json, self.beginning.as_bytes()).any(|at| {
            let value = until_quote(&json[at + self.beginning.len()..]);
            self.values
                .binary_search_by(|known| known.as_bytes().cmp(value))
                .is_ok()
        })
    }
}

/// Whether a `p` tag of an event in canonical JSON names this key.
pub(crate) fn has_recipient(json: &[u8], key: &PublicKey) -> bool {
    memchr::memmem::find(json, format!("[\"p\",\"{key}\"").as_bytes()).is_some()
}

/// A JSON string up to its closing quote.
fn until_quote(text: &[u8]) -> &[u8] {
    let mut end = 0;
    while let Some(ahead) = text
        .get(end..)
        .and_then(|rest| memchr::memchr2(b'"', b'\\', rest))
    {
        if text[end + ahead] == b'"' {
            return &text[..end + ahead];
        }
        // What is escaped is passed over.
        end += ahead + 2;
    }
    text
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
        assert!(!recheck.holds(br#"{"tags":[["t","a\"b\\"]],"content":""}"#));
        assert!(!recheck.holds(br#"{"tags":[["t","#));
        assert!(!recheck.holds(br#"{"tags":[["y","[","t","x"],["r","t","x"]],"content":""}"#));
    }
}
