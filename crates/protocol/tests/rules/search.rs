//! NIP-50: what queries mean, and what they find.

use proptest::prelude::*;
use protocol::{
    Event, Filter, Search, SearchRules,
    search::{InvalidSearch, MAX_QUERY_BYTES, MAX_TERMS, Searchable},
};

use crate::{arbitrary, signed};

fn rules(languages: &[&str]) -> SearchRules {
    let languages: Vec<String> = languages.iter().map(|name| (*name).to_owned()).collect();
    SearchRules::new(&[0, 1, 30_023], &languages).expect("known languages")
}

fn note(content: &str) -> Event {
    signed::event(1, 1, 1, vec![], content)
}

fn finds(query: &str, event: &Event, rules: &SearchRules) -> bool {
    let search = Search::parse(query).expect(query);
    Searchable::of(event, rules)
        .expect("a searchable kind")
        .matches(&search, rules)
}

/// What a query must find and must not find.
fn check(query: &str, yes: &[&str], no: &[&str]) {
    let rules = rules(&[]);
    for text in yes {
        assert!(finds(query, &note(text), &rules), "{query} finds {text}");
    }
    for text in no {
        assert!(!finds(query, &note(text), &rules), "{query} does not find {text}");
    }
}

#[test]
fn words_must_all_occur_in_any_order_and_case() {
    check(
        "Best NOSTR",
        &["nostr is the best", "Best, #nostr!"],
        &["nostr", "bestnostr", ""],
    );
    check("ecole", &["École"], &["écoles"]);
}

#[test]
fn web_syntax_has_phrases_alternatives_and_negation() {
    check(
        "\"purple pill\"",
        &["a purple, pill"],
        &["pill purple", "purple big pill"],
    );
    check(
        "orange or purple pill",
        &["orange", "pill purple"],
        &["purple", "pill"],
    );
    check("nostr -spam", &["nostr"], &["nostr spam", "x"]);
    check("-\"buy now\" cheap", &["cheap now buy"], &["cheap buy now"]);
    check("foo-bar", &["foo bar", "foo/bar"], &["bar foo"]);
    check("\"never closed", &["never closed"], &["closed never"]);
    check("or", &[], &["or", "x"]);
}

#[test]
fn modes_choose_how_the_text_is_written() {
    check("m:plain -fat \"cat rat\"", &["cat rat fat"], &["cat rat"]);
    check("m:phrase purple pill", &["the purple pill"], &["pill purple"]);
    check("purple pill m:phrase", &["the purple pill"], &["pill purple"]);
    check(
        "m:prefix salt nos",
        &["Saltivka speaks nostr"],
        &["nos", "basalt nostr"],
    );
    check(
        "m:manual salt:* & !(cat | dog)",
        &["saltivka"],
        &["saltivka cat", "pepper"],
    );
    check(
        "m:manual fat <2> rat",
        &["fat old rat"],
        &["fat rat", "rat old fat"],
    );
    check("m:manual 'fat rat' | cat", &["fat rat", "cat"], &["rat fat"]);
    check("m:unknown \"purple pill\"", &["purple pill"], &["pill purple"]);
}

#[test]
fn scripts_without_spaces_are_found_within() {
    check("京都", &["東京都", "京都です"], &["東京", "京の都"]);
    check("東京タワー", &["新東京タワーへ"], &["東京のタワー"]);
    check("猫", &["猫", "黒猫", "猫だ"], &["犬"]);
    check("서울", &["서울에서"], &["부산"]);
}

#[test]
fn extensions_are_no_words() {
    check(
        "nostr language:en include:spam sort:hot",
        &["nostr"],
        &["language en"],
    );
    check("https://example.com", &["see https://example.com/x"], &["https"]);
    let warned = signed::event(
        1,
        1,
        1,
        vec![vec!["content-warning".into(), "gore".into()]],
        "nostr",
    );
    assert!(finds("nostr", &warned, &rules(&[])));
    assert!(finds("nostr nsfw:true", &warned, &rules(&[])));
    assert!(!finds("nostr nsfw:false", &warned, &rules(&[])));
    assert!(finds("nostr nsfw:false", &note("nostr"), &rules(&[])));
}

#[test]
fn a_query_without_words_narrows_nothing_and_one_without_letters_finds_nothing() {
    for query in ["", "  ", "include:spam", "m:phrase"] {
        assert!(!Search::parse(query).expect(query).narrows(), "{query}");
    }
    for query in ["!?", "\"\"", "-", "m:prefix …", "or"] {
        assert!(Search::parse(query).expect(query).matches_nothing(), "{query}");
    }
}

#[test]
fn of_profiles_the_values_are_searched_and_not_the_json() {
    let profile =
        r#"{"name":"Alice","about":"I \"like\" cats","nip05":"al@example.com","picture":"https://pic"}"#;
    let event = signed::event(1, 1, 0, vec![], profile);
    for query in ["alice", "cats", "al@example.com", "\"i like cats\""] {
        assert!(finds(query, &event, &rules(&[])), "{query}");
    }
    for query in ["name", "about", "pic", "\"alice al\""] {
        assert!(!finds(query, &event, &rules(&[])), "{query}");
    }
    assert!(!finds("x", &signed::event(1, 1, 0, vec![], "x {"), &rules(&[])));
}

#[test]
fn titles_and_hashtags_are_searched_too() {
    let tags = [["title", "Relay Design"], ["t", "postgres"], ["p", "secret"]];
    let tags = tags.map(|tag| tag.map(str::to_owned).to_vec()).to_vec();
    let article = signed::event(1, 1, 30_023, tags, "About queues.");
    for query in ["design", "postgres", "queues relay"] {
        assert!(finds(query, &article, &rules(&[])), "{query}");
    }
    for query in ["secret", "\"design postgres\""] {
        assert!(!finds(query, &article, &rules(&[])), "{query}");
    }
}

#[test]
fn languages_find_other_forms_of_a_word() {
    let english = rules(&["english"]);
    assert!(finds("running", &note("he runs"), &english));
    assert!(finds("\"run fast\"", &note("running fast"), &english));
    assert!(finds("m:prefix runn", &note("running"), &english));
    assert!(!finds("running", &note("he runs"), &rules(&[])));
    let both = rules(&["english", "german"]);
    assert!(finds("häuser", &note("das Haus"), &both) && finds("cats", &note("cat"), &both));
}

#[test]
fn kinds_that_are_not_searchable_have_no_words_and_private_ones_cannot_be() {
    let rules = rules(&[]);
    assert_eq!(Searchable::of(&signed::event(1, 1, 7, vec![], "x"), &rules), None);
    for kind in [4, 13, 14, 1059] {
        assert!(SearchRules::new(&[1, kind], &[]).is_err(), "{kind}");
    }
    assert!(SearchRules::new(&[1], &["klingon".to_owned()]).is_err());
}

#[test]
fn queries_are_bounded() {
    let long = "x".repeat(MAX_QUERY_BYTES + 1);
    assert_eq!(Search::parse(&long), Err(InvalidSearch::TooLong));
    let many = "a ".repeat(MAX_TERMS + 1);
    for mode in ["", "m:plain ", "m:phrase ", "m:prefix "] {
        let query = format!("{mode}{many}");
        assert_eq!(Search::parse(&query), Err(InvalidSearch::TooManyTerms), "{mode}");
    }
    assert!(Search::parse(&"a ".repeat(MAX_TERMS)).is_ok());
    assert_eq!(
        Search::parse(&"東".repeat(MAX_TERMS + 2)),
        Err(InvalidSearch::TooManyTerms)
    );
}

#[test]
fn a_manual_query_that_is_no_expression_is_refused() {
    for query in [
        "a b",
        "a &",
        "& a",
        "(a",
        "a)",
        "'a",
        "a <x> b",
        "a <20000> b",
        "a <-> (b | c)",
        "!",
        "a:b",
        "()",
    ] {
        let parsed = Search::parse(&format!("m:manual {query}"));
        assert!(
            matches!(parsed, Err(InvalidSearch::Syntax(_))),
            "{query}: {parsed:?}"
        );
    }
    let deep = format!("m:manual {}a{}", "(".repeat(500), ")".repeat(500));
    assert!(Search::parse(&deep).is_err());
    assert!(Search::parse(&format!("m:manual {}a", "!".repeat(500))).is_err());
}

#[test]
fn a_filter_with_a_bad_search_tells_why() {
    let error = protocol::ClientMessage::parse(r#"["REQ","s",{"search":"m:manual ("}]"#).unwrap_err();
    assert!(
        error.to_json().contains("invalid: the search is no expression"),
        "{}",
        error.to_json()
    );
    let filter: Filter = serde_json::from_str(r#"{"search":"Nostr  m:phrase"}"#).unwrap();
    assert_eq!(
        serde_json::to_string(&filter).unwrap(),
        r#"{"search":"Nostr  m:phrase"}"#
    );
}

proptest! {
    #[test]
    fn any_query_is_understood_or_refused_and_answers_for_any_text(
        query in arbitrary::text(),
        mode in prop::sample::select(vec!["", "m:plain ", "m:phrase ", "m:prefix ", "m:manual "]),
        text in arbitrary::text(),
    ) {
        let rules = rules(&["english", "turkish"]);
        if let Ok(search) = Search::parse(&format!("{mode}{query}")) {
            let event = note(&text);
            Searchable::of(&event, &rules).unwrap().matches(&search, &rules);
        }
    }

    #[test]
    fn a_text_is_found_by_its_own_words(words in proptest::collection::vec("[a-zé東]{1,8}", 1..8)) {
        let text = words.join(" ");
        let rules = rules(&[]);
        for mode in ["m:plain", "m:phrase", "m:prefix"] {
            prop_assert!(finds(&format!("{mode} {text}"), &note(&text), &rules), "{}", text);
        }
    }
}
