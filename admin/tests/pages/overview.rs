//! The overview.

use crate::fixture::{Admin, content};

#[tokio::test]
async fn shows_the_hour_of_all_processes() {
    let admin = Admin::start().await;
    admin.an_hour_passes();
    let page = admin.page("/overview").await;
    insta::assert_snapshot!(content(&page));
}

#[tokio::test]
async fn is_there_before_anything_was_measured() {
    let admin = Admin::start().await;
    let page = admin.page("/overview").await;
    assert!(page.contains("No process has told of itself yet."));
    assert!(page.contains(r#"data-live="/overview/live""#));
}

#[tokio::test]
async fn is_for_operators_only() {
    let admin = Admin::start().await;
    for path in [
        "/overview",
        "/overview/live",
        "/queues",
        "/queues/live",
        "/queues/nostr:event",
        "/events",
        "/events/live",
    ] {
        let answer = admin.get_as_a_stranger(path).await;
        assert!(!answer.status.is_success(), "{path}: {}", answer.status);
        assert!(!answer.body.contains("data-live"), "{path}");
    }
}
