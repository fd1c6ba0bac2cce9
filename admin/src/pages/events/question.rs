//! What somebody looks for: an id, a key, a filter, or words.

use protocol::{Address, EventId, Filter, Pointer, PublicKey, Search, TagFilter};

/// Events on a page of results.
pub const PER_PAGE: u32 = 50;

/// The most that a filter may ask for here.
const MOST: u32 = 500;

/// A question, as it is understood.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// Nothing is asked: the latest events.
    Latest,
    /// One event.
    Event(EventId),
    /// 64 hex characters: an event, or else an author.
    EventOrAuthor(EventId, PublicKey),
    /// Everything that matches.
    Filters(Vec<Filter>),
}

impl Question {
    /// Understands what was typed.
    pub fn read(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self::Latest);
        }
        if text.starts_with(['{', '[']) {
            return filters(text).map(Self::Filters);
        }
        if let (Ok(id), Ok(pubkey)) = (text.parse(), text.parse()) {
            return Ok(Self::EventOrAuthor(id, pubkey));
        }
        match Pointer::read(text) {
            Ok(Pointer::Event(id)) => Ok(Self::Event(id)),
            Ok(Pointer::Profile(pubkey)) => Ok(Self::Filters(vec![by(pubkey)])),
            Ok(Pointer::Address(address)) => Ok(Self::Filters(vec![at(&address)])),
            Err(error) if looks_like_a_pointer(text) => Err(format!("This cannot be read: {error}.")),
            Err(_) => words(text).map(Self::Filters),
        }
    }
}

/// Everything by an author.
pub fn by(pubkey: PublicKey) -> Filter {
    Filter {
        authors: Some(vec![pubkey]),
        limit: Some(PER_PAGE),
        ..Filter::default()
    }
}

/// The event at an address.
fn at(address: &Address) -> Filter {
    let tags = if address.identifier.is_empty() {
        Vec::new()
    } else {
        vec![tag(b'd', &address.identifier)]
    };
    Filter {
        authors: Some(vec![address.pubkey]),
        kinds: Some(vec![address.kind.0]),
        tags,
        limit: Some(PER_PAGE),
        ..Filter::default()
    }
}

/// A condition on a tag.
pub fn tag(letter: u8, value: &str) -> TagFilter {
    TagFilter::new(letter, vec![value.to_owned()])
}

fn words(text: &str) -> Result<Vec<Filter>, String> {
    let search = Search::parse(text).map_err(|error| format!("This cannot be looked for: {error}."))?;
    Ok(vec![Filter {
        search: Some(search),
        limit: Some(PER_PAGE),
        ..Filter::default()
    }])
}

/// A mistyped key is a mistyped key, not a word to look for.
fn looks_like_a_pointer(text: &str) -> bool {
    let text = text.strip_prefix("nostr:").unwrap_or(text);
    [
        "npub1",
        "nsec1",
        "note1",
        "nevent1",
        "nprofile1",
        "naddr1",
        "nrelay1",
    ]
    .iter()
    .any(|start| text.starts_with(start))
}

fn filters(text: &str) -> Result<Vec<Filter>, String> {
    let read: Result<Vec<Filter>, _> = if text.starts_with('[') {
        serde_json::from_str(text)
    } else {
        serde_json::from_str(text).map(|filter| vec![filter])
    };
    let mut filters = read.map_err(|error| format!("This is not a filter: {error}."))?;
    if filters.len() > 20 {
        return Err("At most 20 filters.".to_owned());
    }
    for filter in &mut filters {
        filter.limit = Some(filter.limit.unwrap_or(PER_PAGE).min(MOST));
    }
    Ok(filters)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "3bf0c63fcb93463407af97a5e5ee64fa883d107ef9e558472c4eb9aaaefa459d";
    const NPUB: &str = "npub180cvv07tjdrrgpa0j7j7tmnyl2yr6yr7l8j4s3evf6u64th6gkwsyjh6w6";

    #[test]
    fn whatever_people_paste_is_understood() {
        let (id, pubkey): (EventId, PublicKey) = (HEX.parse().unwrap(), HEX.parse().unwrap());
        let nevent = id.nevent(pubkey, protocol::Kind(1));
        for (text, question) in [
            (" ", Question::Latest),
            (HEX, Question::EventOrAuthor(id, pubkey)),
            (NPUB, Question::Filters(vec![by(pubkey)])),
            (&format!("nostr:{NPUB}"), Question::Filters(vec![by(pubkey)])),
            (&nevent, Question::Event(id)),
        ] {
            assert_eq!(Question::read(text), Ok(question), "{text}");
        }
        let address = format!("30023:{HEX}:ipsum").parse::<Address>().unwrap();
        let Ok(Question::Filters(filters)) = Question::read(&address.naddr().unwrap()) else {
            panic!("filters");
        };
        assert_eq!(filters[0].tags, [tag(b'd', "ipsum")]);
    }

    #[test]
    fn filters_are_read_as_clients_write_them() {
        let Ok(Question::Filters(filters)) = Question::read(r##"[{"kinds":[1],"limit":9999},{"#t":["x"]}]"##)
        else {
            panic!("filters");
        };
        assert_eq!(
            filters.iter().map(|filter| filter.limit).collect::<Vec<_>>(),
            [Some(500), Some(50)]
        );
        for text in ["{", r#"{"kinds":"1"}"#, r#"{"unknown":1}"#] {
            assert!(
                Question::read(text).is_err_and(|said| said.starts_with("This is not a filter")),
                "{text}"
            );
        }
    }

    #[test]
    fn words_are_looked_for_and_mistyped_keys_are_not() {
        let Ok(Question::Filters(filters)) = Question::read("bitcoin conference") else {
            panic!("filters");
        };
        assert_eq!(filters[0].search, Search::parse("bitcoin conference").ok());
        let mistyped = NPUB.replace("w6", "w7");
        assert!(Question::read(&mistyped).is_err_and(|said| said.contains("checksum")));
        let secret = "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5";
        assert!(Question::read(secret).is_err_and(|said| said.contains("secret key")));
    }
}
