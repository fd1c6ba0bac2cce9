//! The newest events in memory, and what is known of changes. That answers are right is for `fuzz_filter`.

mod fixture;

use std::time::{Duration, Instant};

use fixture::{connect, found, save_batch};
use serde_json::json;
use store::Store;
use testkit::{TestDatabase, note};

/// For so long nobody looks again: somewhat less than the second.
const KNOWN: Duration = Duration::from_millis(800);

async fn with_window(database: &TestDatabase) -> Store {
    let store = connect(database).await.with_window(usize::MAX);
    while store.window_stats().events == 0 {
        tokio::task::yield_now().await;
    }
    store
}

async fn notes(store: &Store) -> usize {
    found(store, json!({"kinds": [1]})).await.len()
}

#[tokio::test]
async fn nobody_looks_again_for_what_is_known() {
    let database = TestDatabase::create().await;
    let writer = connect(&database).await;
    let save = async |text: String| save_batch(&writer, &[&note(&text).verified()]).await;
    save("first".to_owned()).await;
    let reader = with_window(&database).await;
    // A machine that is too slow to ask twice in that time tries again.
    for change in 0.. {
        let (as_of, stored) = (reader.as_of(Some(change)), notes(&reader).await);
        let began = Instant::now();
        assert_eq!(notes(&as_of).await, stored);
        save(format!("{change}")).await;
        let known = notes(&as_of).await;
        if began.elapsed() < KNOWN {
            assert_eq!(known, stored, "what nobody told of is not looked for");
            break;
        }
    }
}

#[tokio::test]
async fn every_change_is_looked_for_and_so_is_what_nobody_told_of_a_second_later() {
    let database = TestDatabase::create().await;
    let writer = connect(&database).await;
    let save = async |text: String| save_batch(&writer, &[&note(&text).verified()]).await;
    save("first".to_owned()).await;
    let reader = with_window(&database).await;
    for change in 0..20 {
        save(format!("{change}")).await;
        let stored = change as usize + 2;
        assert_eq!(notes(&reader.as_of(Some(change))).await, stored);
        assert_eq!(notes(&reader.as_of(Some(change))).await, stored);
    }
    // In either order: an earlier number is no proof that nothing has changed.
    save("more".to_owned()).await;
    assert_eq!(notes(&reader.as_of(Some(3))).await, 22);
    save("and more".to_owned()).await;
    let began = Instant::now();
    while notes(&reader.as_of(Some(3))).await < 23 {
        assert!(began.elapsed() < Duration::from_secs(10));
        tokio::task::yield_now().await;
    }
}
