//! NIP-09: deletion requests.

use serde_json::{Value, json};
use testkit::{Keys, Stack, event, note};

fn id(event: &Value) -> &str {
    event["id"].as_str().unwrap()
}

#[tokio::test]
async fn what_its_author_deleted_is_gone_and_stays_away() {
    let stack = Stack::start().await;
    let (mut alice, mut bob) = (stack.client().await, stack.client().await);
    let (mine, his) = (note("mine").sign(), note("his").by("bob").sign());
    alice.accepted(&mine).await;
    bob.accepted(&his).await;
    bob.req("live", &[json!({"kinds": [5]})]).await;
    let deletion = event(5)
        .tag(["e", id(&mine)])
        .tag(["e", id(&his)])
        .tag(["k", "1"])
        .sign();
    alice.accepted(&deletion).await;
    assert_eq!(
        bob.live("live").await,
        deletion,
        "the request itself is passed on"
    );
    assert_eq!(alice.req("notes", &[json!({"kinds": [1]})]).await, [his]);
    let again = bob.publish(&mine).await;
    assert!(
        !again.accepted && again.message.starts_with("blocked: "),
        "{again:?}"
    );
    alice.send(json!(["COUNT", "c", {"kinds": [1]}])).await;
    assert_eq!(alice.expect("COUNT").await[2], json!({"count": 1}));
}

#[tokio::test]
async fn an_address_is_deleted_up_to_the_request() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    let article = |at: u64| {
        event(30_023)
            .tag(["d", "x:y"])
            .at(at)
            .content(&at.to_string())
            .sign()
    };
    client.accepted(&article(10)).await;
    let address = format!("30023:{}:x:y", Keys::of("alice").pubkey());
    client
        .accepted(&event(5).tag(["a", &address]).at(20).sign())
        .await;
    assert!(client.req("s", &[json!({"kinds": [30_023]})]).await.is_empty());
    client.send(json!(["CLOSE", "s"])).await;
    assert!(!client.publish(&article(15)).await.accepted);
    client.accepted(&article(21)).await;
    assert_eq!(client.req("s", &[json!({"kinds": [30_023]})]).await.len(), 1);
}

#[tokio::test]
async fn a_request_that_came_first_holds_for_its_author_only() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    let (mine, his) = (note("mine").sign(), note("his").by("bob").sign());
    let deletion = event(5).tag(["e", id(&mine)]).tag(["e", id(&his)]).sign();
    client.accepted(&deletion).await;
    let refused = client.publish(&mine).await;
    assert!(
        !refused.accepted && refused.message.starts_with("blocked: "),
        "{refused:?}"
    );
    client.accepted(&his).await;
}

#[tokio::test]
async fn kinds_are_hints_and_what_names_nothing_deletes_nothing() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    let (first, second) = (note("first").sign(), note("second").sign());
    client.accepted(&first).await;
    client.accepted(&second).await;
    for request in [
        event(5),
        event(5).tag(["k", "1"]),
        event(5).tag(["e"]).tag(["e", ""]).tag(["e", "nonsense"]),
        event(5).tag(["a"]).tag(["a", "::"]).tag(["a", "1:x:"]),
        event(5).tag(["p", &Keys::of("alice").pubkey()]),
    ] {
        client.accepted(&request.content("nothing").sign()).await;
    }
    assert_eq!(client.count(&[json!({"kinds": [1]})]).await, 2);
    client
        .accepted(&event(5).tag(["e", id(&first)]).tag(["k", "7"]).sign())
        .await;
    assert_eq!(client.req("s", &[json!({"kinds": [1]})]).await, [second]);
}

#[tokio::test]
async fn a_request_is_kept_whatever_is_asked_against_it() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    let mine = note("mine").sign();
    client.accepted(&mine).await;
    let request = event(5).tag(["e", id(&mine)]).sign();
    client.accepted(&request).await;
    client.accepted(&event(5).tag(["e", id(&request)]).sign()).await;
    assert_eq!(client.count(&[json!({"kinds": [5]})]).await, 2);
    assert!(!client.publish(&mine).await.accepted, "nothing is undone");
}

#[tokio::test]
async fn a_replaceable_event_is_deleted_by_its_address_and_may_come_anew() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    let list = |at: u64| event(10_002).content(&at.to_string()).at(at).sign();
    client.accepted(&list(10)).await;
    let address = format!("10002:{}:", Keys::of("alice").pubkey());
    client
        .accepted(&event(5).by("bob").tag(["a", &address]).at(20).sign())
        .await;
    assert_eq!(client.count(&[json!({"kinds": [10_002]})]).await, 1, "not his");
    client
        .accepted(&event(5).tag(["a", &address]).at(20).sign())
        .await;
    assert_eq!(client.count(&[json!({"kinds": [10_002]})]).await, 0);
    assert!(!client.publish(&list(20)).await.accepted);
    client.accepted(&list(21)).await;
}
