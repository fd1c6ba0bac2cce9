//! NIP-67: the EOSE says whether it was everything.

use serde_json::json;
use testkit::{Stack, note};

#[tokio::test]
async fn more_is_said_when_the_answer_was_cut_by_its_size_too() {
    let stack = Stack::builder()
        .set("LIMITS__MAX_REPLY_BYTES", 100_000)
        .start()
        .await;
    let mut client = stack.client().await;
    let big = "x".repeat(30_000);
    for n in 0..5 {
        client
            .accepted(&note(&format!("{n}{big}")).at(1_700_000_000 + n).sign())
            .await;
    }
    client.start("s", &[json!({"kinds": [1]})]).await;
    let (events, eose) = client.until_eose("s").await;
    assert_eq!(eose, json!(["EOSE", "s", ["more"]]));
    assert_eq!(events.len(), 3);
    assert_eq!(events[0]["created_at"], 1_700_000_004, "the newest are sent");
    client
        .start("s", &[json!({"kinds": [1], "until": 1_700_000_001})])
        .await;
    let (events, eose) = client.until_eose("s").await;
    assert_eq!((events.len(), eose), (2, json!(["EOSE", "s", ["finish"]])));
}

#[tokio::test]
async fn many_pages_make_one_answer() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    let events: Vec<_> = (0..350)
        .map(|n| note(&n.to_string()).at(1_700_000_000 + n).sign())
        .collect();
    for event in &events {
        client.send(json!(["EVENT", event])).await;
    }
    for event in &events {
        assert!(client.ok_for(event).await.accepted);
    }
    let found = client.req("s", &[json!({"limit": 350})]).await;
    assert_eq!(found, events.into_iter().rev().collect::<Vec<_>>());
}
