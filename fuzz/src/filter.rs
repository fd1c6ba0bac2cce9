//! A filter: what is read is written so that it is read as the same.

use std::sync::LazyLock;

use protocol::{Event, Filter};

static EVENT: LazyLock<Event> = LazyLock::new(|| {
    let json = format!(
        r#"{{"id":"{0}","pubkey":"{0}","created_at":5,"kind":1,"tags":[["t","a"],["e","{0}"]],"content":"x","sig":"{0}{0}"}}"#,
        "0".repeat(64)
    );
    serde_json::from_str(&json).expect("an event")
});

pub fn check(data: &[u8]) {
    let Ok(filter) = serde_json::from_slice::<Filter>(data) else {
        return;
    };
    let written = serde_json::to_string(&filter).expect("a filter is JSON");
    assert_eq!(
        serde_json::from_str::<Filter>(&written).ok().as_ref(),
        Some(&filter),
        "{written}"
    );
    assert!(filter.search.is_some() || !(filter.matches_nothing() && filter.matches(&EVENT)));
    assert!(filter.value_count() <= data.len());
}
