//! NIP-01: which version stays, and what is never kept.

use serde_json::{Value, json};
use testkit::{Keys, Stack, event};

use crate::nip01::contents;

#[tokio::test]
async fn replaceable_addressable_and_ephemeral_events_are_kept_by_their_class() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    client.req("live", &[json!({"kinds": [20_001]})]).await;
    client.accepted(&event(0).content("old").at(1).sign()).await;
    client.accepted(&event(0).content("new").at(2).sign()).await;
    let late = client.publish(&event(0).content("older").at(1).sign()).await;
    assert!(
        late.accepted && late.message.starts_with("duplicate: "),
        "{late:?}"
    );
    client
        .accepted(&event(30_023).content("a1").at(1).tag(["d", "a"]).sign())
        .await;
    client
        .accepted(&event(30_023).content("b1").at(1).tag(["d", "b"]).sign())
        .await;
    client
        .accepted(&event(30_023).content("a2").at(2).tag(["d", "a"]).sign())
        .await;
    let ephemeral = event(20_001).content("gone").sign();
    client.send(json!(["EVENT", ephemeral])).await;
    assert_eq!(client.live("live").await, ephemeral);
    assert!(client.ok_for(&ephemeral).await.accepted);
    let mut all: Vec<String> = client
        .req("all", &[json!({})])
        .await
        .iter()
        .map(|e| e["content"].as_str().unwrap().to_owned())
        .collect();
    all.sort();
    assert_eq!(all, ["a2", "b1", "new"]);
}

/// Three versions of the same second and an older one, in every order, on connections of their own.
#[tokio::test]
async fn of_versions_the_newest_stays_and_of_equally_old_ones_the_lowest_id() {
    let stack = Stack::builder().relays(2).workers(2).start().await;
    let mut reader = stack.client().await;
    for (round, order) in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]]
        .iter()
        .enumerate()
    {
        for (kind, d) in [(10_000, None), (0, None), (30_023, Some("a:b")), (30_023, None)] {
            let author = format!("author {round} {kind} {d:?}");
            let version = |n: u64| {
                let version = event(kind).by(&author).content(&n.to_string()).at(50.min(47 + n));
                match d {
                    Some(d) => version.tag(["d", d]).sign(),
                    None => version.sign(),
                }
            };
            let versions: Vec<Value> = (0..6).map(version).collect();
            let winner = versions[3..]
                .iter()
                .min_by_key(|event| event["id"].to_string())
                .unwrap();
            let mut writers = Vec::new();
            for place in order {
                let mut writer = stack.client_of(place % 2).await;
                // Each connection sends its versions without waiting for an answer: they cross on their way.
                for event in versions.iter().skip(*place).step_by(2) {
                    writer.send(json!(["EVENT", event])).await;
                }
                writers.push((*place, writer));
            }
            for (place, writer) in &mut writers {
                for event in versions.iter().skip(*place).step_by(2) {
                    let ok = writer.ok_for(event).await;
                    assert!(ok.accepted, "{ok:?}");
                }
            }
            let filter = json!({"authors": [Keys::of(&author).pubkey()], "kinds": [kind]});
            let left = reader.req("s", &[filter]).await;
            assert_eq!(left, std::slice::from_ref(winner), "{author}");
        }
    }
}

#[tokio::test]
async fn a_missing_d_tag_is_an_empty_one_and_only_the_first_counts() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    client.accepted(&event(30_000).content("none").at(1).sign()).await;
    client
        .accepted(&event(30_000).content("empty").at(2).tag(["d", ""]).sign())
        .await;
    client
        .accepted(&event(30_000).content("bare").at(3).tag(["d"]).sign())
        .await;
    client
        .accepted(
            &event(30_000)
                .content("a")
                .at(4)
                .tag(["d", "a"])
                .tag(["d", "b"])
                .sign(),
        )
        .await;
    client
        .accepted(&event(30_000).content("b").at(5).tag(["d", "b"]).sign())
        .await;
    assert_eq!(
        contents(&client.req("s", &[json!({"kinds": [30_000]})]).await),
        ["b", "a", "bare"]
    );
}

#[tokio::test]
async fn ephemeral_events_reach_every_process_and_are_never_stored() {
    let stack = Stack::builder().relays(2).workers(2).start().await;
    let (mut writer, mut reader) = (stack.client_of(0).await, stack.client_of(1).await);
    reader.req("s", &[json!({"kinds": [20_000, 29_999]})]).await;
    for kind in [20_000, 29_999] {
        let event = event(kind).sign();
        writer.accepted(&event).await;
        assert_eq!(reader.live("s").await, event);
        // It is not known: the same may be said again.
        writer.accepted(&event).await;
    }
    assert!(writer.req("s", &[json!({})]).await.is_empty());
    writer.send(json!(["COUNT", "c", {}])).await;
    assert_eq!(writer.expect("COUNT").await[2], json!({"count": 0}));
}

#[tokio::test]
async fn who_sends_an_ephemeral_event_that_nobody_hears_is_told() {
    let stack = Stack::builder().relays(3).workers(2).start().await;
    let (mut writer, mut reader) = (stack.client_of(0).await, stack.client_of(2).await);
    let [bob, carol] = ["bob", "carol"].map(|name| Keys::of(name).pubkey());
    reader.req("s", &[json!({"kinds": [24_133], "#p": [bob]})]).await;
    let for_nobody = event(24_133).tag(["p", &carol]).sign();
    let ok = writer.publish(&for_nobody).await;
    assert!(!ok.accepted && ok.message.starts_with("mute: "), "{ok:?}");
    let for_bob = event(24_133).tag(["p", &bob]).sign();
    writer.accepted(&for_bob).await;
    assert_eq!(reader.live("s").await, for_bob);
    // The same once more, now that somebody listens: at another process, and at one's own.
    reader
        .req("s", &[json!({"kinds": [24_133], "#p": [carol]})])
        .await;
    writer.accepted(&for_nobody).await;
    assert_eq!(reader.live("s").await, for_nobody);
    writer.req("own", &[json!({"kinds": [29_999]})]).await;
    let own = event(29_999).sign();
    writer.send(json!(["EVENT", own])).await;
    assert_eq!(writer.live("own").await, own);
    assert!(writer.ok_for(&own).await.accepted);
}

#[tokio::test]
async fn a_process_that_dies_leaves_nobody_without_an_answer() {
    let mut stack = Stack::builder().relays(2).start().await;
    let mut writer = stack.client_of(0).await;
    stack.relays[1].kill();
    // Redis may still count it for a moment: then nobody knows whether it heard.
    let ok = writer.publish(&event(20_001).sign()).await;
    assert!(ok.accepted || ok.message.starts_with("mute: "), "{ok:?}");
}
