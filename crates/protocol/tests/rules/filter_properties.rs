//! What holds for every filter.

use proptest::prelude::*;
use protocol::{ClientMessage, Event, Filter, SubscriptionId};
use serde_json::Value;

use crate::arbitrary;

/// NIP-01's sentences once more, over JSON and without any index.
fn naive(filter: &Value, event: &Event) -> bool {
    let contains = |list: &Value, value: &str| {
        list.as_array()
            .expect("a list")
            .iter()
            .any(|one| one.as_str() == Some(value))
    };
    filter
        .as_object()
        .expect("a filter")
        .iter()
        .all(|(key, wanted)| match key.as_str() {
            "ids" => contains(wanted, &event.id.to_string()),
            "authors" => contains(wanted, &event.pubkey.to_string()),
            "kinds" => wanted
                .as_array()
                .expect("a list")
                .contains(&Value::from(event.kind.0)),
            "since" => event.created_at >= wanted.as_u64().expect("a time"),
            "until" => event.created_at <= wanted.as_u64().expect("a time"),
            "limit" | "search" => true,
            tag => event.tags.iter().any(|strings| {
                strings.name() == Some(&tag[1..])
                    && strings.value().is_some_and(|value| contains(wanted, value))
            }),
        })
}

/// Without what only NIP-45 looks at: which tag and which value came first.
fn unordered(mut filter: Filter) -> Filter {
    filter.tags.sort_by_key(|tag| tag.letter);
    for tag in &mut filter.tags {
        tag.first = 0;
    }
    filter
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn matches_says_what_the_nip_says(filter in arbitrary::filter(), events in prop::collection::vec(arbitrary::event(), 1..4)) {
        let filter = Filter { search: None, ..filter };
        let json = serde_json::to_value(&filter).unwrap();
        for event in &events {
            prop_assert_eq!(filter.matches(event), naive(&json, event), "{:?} {:?}", filter, event);
            prop_assert!(!(filter.matches_nothing() && filter.matches(event)));
        }
    }

    #[test]
    fn json_gives_the_same_filter_back(filters in prop::collection::vec(arbitrary::filter(), 1..4)) {
        let list = serde_json::to_string(&filters).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Vec<Filter>>(&list).unwrap(), &filters);

        let message = format!(r#"["REQ","x",{}"#, &list[1..]);
        prop_assert_eq!(ClientMessage::parse(&message), Ok(ClientMessage::Req(SubscriptionId::new("x").unwrap(), filters)));
    }

    #[test]
    fn order_and_repetition_in_lists_mean_nothing(filter in arbitrary::filter()) {
        let mut json = serde_json::to_value(&filter).unwrap();
        for list in json.as_object_mut().unwrap().values_mut().filter_map(Value::as_array_mut) {
            list.reverse();
            list.extend(list.clone());
        }
        prop_assert_eq!(unordered(serde_json::from_value(json).unwrap()), unordered(filter));
    }
}
