//! The operator's web app beside the other processes.

use testkit::{Stack, note};

#[tokio::test]
async fn admin_is_ready_and_ends_without_taking_the_relay_along() {
    let mut stack = Stack::builder().admin().start().await;
    let admin = stack.admin.as_mut().unwrap();
    admin.metrics().await;
    admin.terminate().await;
    stack.client().await.accepted(&note("still here").sign()).await;
}
