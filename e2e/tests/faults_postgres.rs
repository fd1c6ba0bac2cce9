//! Postgres stops, breaks connections, holds locks, runs out of space: what was answered true is stored, and the relay is
//! back by itself.

use testkit::{Load, PrivatePostgres, Stack};

#[tokio::test]
async fn postgres_is_stopped_at_once_and_comes_back() {
    let mut postgres = PrivatePostgres::start().await;
    let stack = Stack::builder().postgres(postgres.url()).start().await;
    let mut load = Load::start(&stack.url(), "alice").await;
    for _ in 0..2 {
        load.goes_on(100).await;
        postgres.stop_at_once();
        postgres.start_again().await;
    }
    let written = load.settle(&stack).await;
    assert_eq!(written.cut_off, 0, "no client noticed");
}

#[tokio::test]
async fn its_connections_are_terminated_again_and_again() {
    let postgres = PrivatePostgres::start().await;
    let stack = Stack::builder().postgres(postgres.url()).workers(2).start().await;
    let mut load = Load::start(&stack.url(), "alice").await;
    for _ in 0..5 {
        load.goes_on(50).await;
        postgres
            .run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'switchyard-%'")
            .await;
    }
    let written = load.settle(&stack).await;
    assert_eq!(written.cut_off, 0, "no client noticed");
    assert!(written.refused.is_empty(), "{:?}", written.refused);
}
