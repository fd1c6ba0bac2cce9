//! The Queues page: workers, and jobs that were given up.

use testkit::Stack;

use crate::operator::{Operator, signed_in, with_operator};

#[tokio::test]
async fn a_dead_job_is_retried_and_thrown_away() {
    let stack = with_operator().await;
    let redis = testkit::TestRedis::connect().await;
    let job = r#"{"v":99,"events":[]}"#;
    redis
        .order("XADD", &[&stack.key("queue:nostr:import"), "*", "job", job])
        .await;
    let browser = signed_in(&stack).await;
    browser
        .until("/queues/nostr:import?show=dead", "job version 99")
        .await;
    let first = browser.find("main td a").await.attr("href").await.unwrap();
    browser.click("td form[action$='/retry'] button").await;
    assert!(browser.text(".flash.good").await.contains("enqueued again"));
    // It dies again, as another dead letter.
    browser
        .until("/queues/nostr:import?show=dead", "job version 99")
        .await;
    assert_ne!(browser.find("main td a").await.attr("href").await.unwrap(), first);
    browser.agree_to_everything().await;
    browser.click("td form[action$='/drop'] button").await;
    assert!(browser.text("main").await.contains("Nothing was given up."));
    browser.close().await;
}

#[tokio::test]
async fn workers_are_shown_with_their_heartbeat() {
    let mut stack = Stack::builder().workers(2).admin().start().await;
    let operator = Operator::of(&stack).await;
    let beat = |count: usize| move |page: &str| page.matches(r#"badge good">"#).count() == count;
    operator.until("/queues", beat(2)).await;
    stack.workers[0].freeze();
    operator.until("/queues", beat(1)).await;
    stack.workers[0].kill();
}
