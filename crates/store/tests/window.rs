//! The newest events in memory, and what is known of changes. That answers are right is for `fuzz_filter`.

mod fixture;

use std::time::{Duration, Instant};

use fixture::{connect, found, save_batch};
use serde_json::json;
use store::Store;
use testkit::{TestDatabase, note};

/// For so long nobody looks again: somewhat less than the second.
const KNOWN: Duration = Duration::from_millis(800);

/// A store that writes, and one that has what it reads in memory.
struct Stores {
    _database: TestDatabase,
    writer: Store,
    reader: Store,
}

impl Stores {
    /// With one note.
    async fn start() -> Self {
        let database = TestDatabase::create().await;
        let writer = connect(&database).await;
        save_batch(&writer, &[&note("first").verified()]).await;
        let reader = connect(&database).await.with_window(usize::MAX);
        while reader.window_stats().events == 0 {
            tokio::task::yield_now().await;
        }
        Self {
            _database: database,
            writer,
            reader,
        }
    }

    async fn save(&self, text: &str) {
        save_batch(&self.writer, &[&note(text).verified()]).await;
    }
}

async fn notes(store: &Store) -> usize {
    found(store, json!({"kinds": [1]})).await.len()
}

#[tokio::test]
async fn nobody_looks_again_for_what_is_known() {
    let stores = Stores::start().await;
    let reader = &stores.reader;
    // A machine that is too slow to ask twice in that time tries again.
    for change in 0.. {
        let (as_of, stored) = (reader.as_of(Some(change)), notes(reader).await);
        let began = Instant::now();
        assert_eq!(notes(&as_of).await, stored);
        stores.save(&change.to_string()).await;
        let known = notes(&as_of).await;
        if began.elapsed() < KNOWN {
            assert_eq!(known, stored, "what nobody told of is not looked for");
            break;
        }
    }
}

#[tokio::test]
async fn every_change_is_looked_for_and_so_is_what_nobody_told_of_a_second_later() {
    let stores = Stores::start().await;
    let reader = &stores.reader;
    for change in 0..20 {
        stores.save(&change.to_string()).await;
        let stored = change as usize + 2;
        assert_eq!(notes(&reader.as_of(Some(change))).await, stored);
        assert_eq!(notes(&reader.as_of(Some(change))).await, stored);
    }
    // In either order: an earlier number is no proof that nothing has changed.
    stores.save("more").await;
    assert_eq!(notes(&reader.as_of(Some(3))).await, 22);
    stores.save("and more").await;
    let began = Instant::now();
    while notes(&reader.as_of(Some(3))).await < 23 {
        assert!(began.elapsed() < Duration::from_secs(10));
        tokio::task::yield_now().await;
    }
}
