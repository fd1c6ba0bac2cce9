//! NIP-67: the EOSE says whether it was everything, and nothing where that is not known.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Client, Keys, Stack, event, note};

/// The hints of an answer, and how many events it has.
async fn hints(client: &mut Client, filters: &[Value]) -> (usize, Value) {
    client.start("s", filters).await;
    let (events, mut eose) = client.until_eose("s").await;
    (events.len(), eose.get_mut(2).map(Value::take).unwrap_or_default())
}

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

#[tokio::test]
async fn several_filters_are_everything_only_together() {
    // Once from memory, once from Postgres.
    for window in [134_217_728, 0] {
        let stack = Stack::builder()
            .set("WORKER__WINDOW_BYTES", window)
            .set("LIMITS__MAX_LIMIT", 4)
            .start()
            .await;
        let mut client = stack.client().await;
        for n in 0..3 {
            client
                .accepted(&note(&n.to_string()).tag(["t", "x"]).sign())
                .await;
            client.accepted(&event(7).content(&n.to_string()).sign()).await;
        }
        let (notes, reactions) = (json!({"kinds": [1]}), json!({"kinds": [7]}));
        let limited = |limit: u32| json!({"kinds": [1], "limit": limit});
        let (finish, more, nothing) = (json!(["finish"]), json!(["more"]), Value::Null);
        for (filters, count, expected) in [
            (vec![notes.clone()], 3, &finish),
            (vec![notes.clone(), reactions.clone()], 6, &finish),
            (vec![limited(2), reactions.clone()], 5, &more),
            (vec![reactions.clone(), limited(3)], 6, &finish),
            // What one filter cuts off the other brings: nobody has looked whether there is more.
            (vec![limited(2), json!({"#t": ["x"]})], 3, &nothing),
            (
                vec![
                    limited(2),
                    json!({"#t": ["x"]}),
                    json!({"kinds": [7], "limit": 1}),
                ],
                4,
                &more,
            ),
            // More than the client asked for is not sent, and not looked for.
            (vec![limited(0)], 0, &nothing),
            (vec![limited(0), reactions.clone()], 3, &nothing),
            (vec![limited(0), json!({"kinds": [7], "limit": 2})], 2, &more),
            (vec![json!({"kinds": [], "limit": 0}), reactions], 3, &finish),
            (vec![json!({"kinds": []})], 0, &finish),
            (vec![json!({"kinds": [3]})], 0, &finish),
            // Our own limit, and one that is lowered to it.
            (vec![json!({})], 4, &more),
            (vec![json!({"limit": 500})], 4, &more),
            (
                vec![json!({"authors": [Keys::of("nobody").pubkey()], "kinds": [1, 7]})],
                0,
                &finish,
            ),
        ] {
            assert_eq!(
                hints(&mut client, &filters).await,
                (count, expected.clone()),
                "{filters:?}"
            );
        }
    }
}

#[tokio::test]
async fn what_has_expired_or_was_deleted_is_not_more() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    let gone = note("gone").sign();
    client.accepted(&gone).await;
    client.accepted(&note("here").sign()).await;
    let one = [json!({"kinds": [1], "limit": 1})];
    assert_eq!(hints(&mut client, &one).await, (1, json!(["more"])));
    client
        .accepted(&event(5).tag(["e", gone["id"].as_str().unwrap()]).sign())
        .await;
    assert_eq!(hints(&mut client, &one).await, (1, json!(["finish"])));
}

#[tokio::test]
async fn of_a_delegated_event_each_side_is_asked_once() {
    let stack = Stack::builder()
        .set("POLICY__DELEGATION", true)
        .set("WORKER__WINDOW_BYTES", 0)
        .start()
        .await;
    let mut client = stack.client().await;
    let alice = Keys::of("alice");
    let token = alice.delegate("bob", "");
    client.accepted(&note("own").at(2).sign()).await;
    for at in [1, 3] {
        let theirs = note("for alice").by("bob").at(at);
        let theirs = theirs.tag(["delegation", &alice.pubkey(), "", &token]);
        client.accepted(&theirs.sign()).await;
    }
    for (limit, expected) in [(2, (2, json!(["more"]))), (3, (3, json!(["finish"])))] {
        let by_alice = json!({"authors": [alice.pubkey()], "kinds": [1], "limit": limit});
        assert_eq!(hints(&mut client, &[by_alice]).await, expected);
    }
}

#[tokio::test]
async fn a_search_is_finished_when_everything_stored_can_be_found() {
    let stack = Stack::builder().set("SEARCH__MAX_RANKED", 3).start().await;
    let mut client = stack.client().await;
    for n in 0..2 {
        client.accepted(&note(&format!("purple {n}")).sign()).await;
    }
    let search = [json!({"search": "purple"})];
    let searching = async {
        loop {
            let (count, hint) = hints(&mut client, &search).await;
            assert!(hint != json!(["more"]), "{hint}");
            if hint == json!(["finish"]) {
                return count;
            }
            assert_eq!(hint, Value::Null, "until it can be found nobody knows");
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(20), searching).await;
    assert_eq!(found.unwrap(), 2, "finished means that both were found");
    assert_eq!(
        hints(&mut client, &[json!({"search": "purple", "limit": 1})]).await,
        (1, json!(["more"]))
    );
}

#[tokio::test]
async fn nobody_is_told_that_it_was_everything_where_messages_of_others_may_match() {
    // Once from memory, once from Postgres.
    for window in [134_217_728, 0] {
        let stack = Stack::builder().set("WORKER__WINDOW_BYTES", window).start().await;
        let mut client = stack.client().await;
        let (alice, bob) = (Keys::of("alice").pubkey(), Keys::of("bob").pubkey());
        let public = note("for all").by("alice").sign();
        let message = event(4).by("alice").tag(["p", &bob]).content("for bob").sign();
        client.accepted(&public).await;
        client.accepted(&message).await;
        let (finish, nothing) = (json!(["finish"]), Value::Null);
        for (filter, found, hint) in [
            (json!({"authors": [alice]}), 1, &nothing),
            (json!({"#p": [bob]}), 0, &nothing),
            (json!({"ids": [message["id"]]}), 0, &nothing),
            (json!({"ids": ["00".repeat(32)]}), 0, &nothing),
            (json!({"ids": [public["id"]]}), 1, &finish),
            (json!({"authors": [alice], "kinds": [1]}), 1, &finish),
        ] {
            assert_eq!(
                hints(&mut client, std::slice::from_ref(&filter)).await,
                (found, hint.clone()),
                "{filter}"
            );
        }
        client.authenticate("bob").await;
        for (filter, found, hint) in [
            (json!({"#p": [bob]}), 1, &finish),
            (json!({"authors": [bob]}), 0, &finish),
            (json!({"ids": [message["id"]]}), 1, &finish),
            (json!({"authors": [alice]}), 2, &nothing),
        ] {
            assert_eq!(
                hints(&mut client, std::slice::from_ref(&filter)).await,
                (found, hint.clone()),
                "{filter}"
            );
        }
    }
}
