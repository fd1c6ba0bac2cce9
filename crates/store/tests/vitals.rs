//! What operators see of the database.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod fixture;

use fixture::{save_each, store};
use testkit::note;

#[tokio::test]
async fn the_server_and_its_tables_tell_how_they_are() {
    let store = store().await;
    save_each(&store, &[&note("one").verified()]).await;
    let vitals = store.vitals().await.unwrap();
    assert!(
        vitals.version.starts_with(|first: char| first.is_ascii_digit()),
        "{vitals:?}"
    );
    assert!(vitals.database_bytes > 1_000_000 && vitals.latency.as_nanos() > 0);
    assert!((1..=vitals.max_connections).contains(&vitals.connections));
    assert!(vitals.cache_hits <= 1000);
    let tables = store.table_sizes().await.unwrap();
    let events = tables.iter().find(|table| table.name == "events").unwrap();
    assert!(events.table_bytes > 0 && events.index_bytes > 0);
    assert!(tables.is_sorted_by_key(|table| std::cmp::Reverse(table.table_bytes + table.index_bytes)));
}
