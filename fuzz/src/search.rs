//! A NIP-50 query, a line break, and the text that it is compared with.

use std::sync::LazyLock;

use protocol::{
    Event, Search, SearchRules,
    search::{Expression, MAX_TERMS, Searchable},
};

static RULES: LazyLock<[SearchRules; 2]> = LazyLock::new(|| {
    let languages = ["english", "turkish", "arabic", "russian"].map(str::to_owned);
    [&[][..], &languages].map(|languages| SearchRules::new(&[0, 1], languages).expect("known languages"))
});

pub fn check(data: &[u8]) {
    let Ok(input) = std::str::from_utf8(data) else {
        return;
    };
    let (query, text) = input.split_once('\n').unwrap_or((input, input));
    let search = Search::parse(query).ok();
    if let Some(search) = &search {
        assert!(search.expression().map_or(0, terms) <= MAX_TERMS);
    }
    for kind in [0, 1] {
        let event = event(kind, text);
        for rules in RULES.iter() {
            let words = Searchable::of(&event, rules).expect("a searchable kind");
            are_safe(&words);
            if let Some(search) = &search {
                let found = words.matches(search, rules);
                assert!(!(found && search.matches_nothing()), "{query}");
            }
        }
    }
}

/// The words become SQL without another check.
fn are_safe(words: &Searchable) {
    for (word, places) in words.words() {
        assert!(!word.is_empty() && word.len() <= 4 * 64 + 16, "{word:?}");
        let is_odd = |c: char| c.is_control() || c.is_whitespace() || c.is_ascii_punctuation();
        assert!(!word.contains(is_odd), "{word:?}");
        assert!(!places.is_empty() && places.len() <= 255 && places.is_sorted());
        assert!(places.iter().all(|place| (1..16_384).contains(&place.position)));
    }
}

fn terms(expression: &Expression) -> usize {
    match expression {
        Expression::Term(term) => {
            are_letters(&term.word);
            1
        }
        Expression::Phrase(phrase) => {
            phrase.iter().for_each(|(_, term)| are_letters(&term.word));
            phrase.len()
        }
        Expression::All(parts) | Expression::Any(parts) => parts.iter().map(terms).sum(),
        Expression::Not(part) => terms(part),
    }
}

fn are_letters(word: &str) {
    let is_odd = |c: char| c.is_control() || c.is_whitespace() || c.is_ascii_punctuation();
    assert!(!word.is_empty() && !word.contains(is_odd), "{word:?}");
}

fn event(kind: u16, content: &str) -> Event {
    let zeros = "0".repeat(64);
    let json = serde_json::json!({
        "id": zeros, "pubkey": zeros, "created_at": 1, "kind": kind, "content": content,
        "tags": [["title", content]], "sig": format!("{zeros}{zeros}"),
    });
    serde_json::from_value(json).expect("an event")
}
