//! NIP-40: events that expire.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use testkit::{Client, Stack, event, note};

use crate::nip77::Side;

#[tokio::test]
async fn an_expired_event_is_refused_never_returned_and_then_removed() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let late = note("late").tag(["expiration", &(now - 1).to_string()]).sign();
    let refused = client.publish(&late).await;
    assert!(
        !refused.accepted && refused.message.starts_with("invalid: "),
        "{refused:?}"
    );

    let brief = note("brief")
        .tag(["expiration", &(now + 2).to_string()])
        .tag(["t", "x"])
        .sign();
    client.accepted(&brief).await;
    let expires = UNIX_EPOCH + Duration::from_secs(now + 2);
    for filter in [
        json!({"ids": [brief["id"]]}),
        json!({"#t": ["x"]}),
        json!({"kinds": [1]}),
        json!({}),
    ] {
        let before = SystemTime::now();
        let found = client.req("s", std::slice::from_ref(&filter)).await.len();
        if SystemTime::now() < expires {
            assert_eq!(found, 1, "{filter}");
        } else if before >= expires {
            assert_eq!(found, 0, "{filter}");
        }
    }
    tokio::time::sleep(expires.duration_since(SystemTime::now()).unwrap_or_default()).await;
    for filter in [
        json!({"ids": [brief["id"]]}),
        json!({"#t": ["x"]}),
        json!({"kinds": [1]}),
        json!({}),
    ] {
        assert!(
            client.req("s", &[filter]).await.is_empty(),
            "not even one second late"
        );
    }
    let mut database = stack.database.connect().await;
    let removed = async {
        loop {
            let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM events")
                .fetch_one(&mut database)
                .await
                .unwrap();
            if rows == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), removed)
        .await
        .expect("the recurring job removes it");
}

/// What every way of asking for `filter` yields: stored events, a count, ids of a reconciliation.
async fn seen(client: &mut Client, filter: &Value) -> (usize, u64, usize) {
    let asked = std::slice::from_ref(filter);
    let (stored, counted) = (client.req("again", asked).await.len(), client.count(asked).await);
    let (_, reconciled) = Side::with(&[]).reconcile(client, filter).await;
    (stored, counted, reconciled.len())
}

#[tokio::test]
async fn what_expires_while_it_is_watched_is_in_no_answer_from_its_second_on() {
    // Once from memory, once from Postgres.
    for window_bytes in [134_217_728, 0] {
        let stack = Stack::builder()
            .set("WORKER__WINDOW_BYTES", window_bytes)
            .start()
            .await;
        let (mut client, mut watching) = (stack.client().await, stack.client().await);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let at = (now + 4).to_string();
        let brief = note("brief").tag(["expiration", &at]).tag(["t", "x"]).sign();
        let version = event(0).content("{}").tag(["expiration", &at]).sign();
        let lasting = note("lasting").tag(["t", "x"]).in_seconds(-10).sign();
        watching.req("all", &[json!({})]).await;
        for event in [&brief, &version, &lasting] {
            client.accepted(event).await;
            assert_eq!(watching.live("all").await, *event);
        }
        let filters = [
            (json!({"ids": [brief["id"], lasting["id"]]}), 2),
            (json!({"#t": ["x"]}), 2),
            (json!({"kinds": [0, 1]}), 3),
            (json!({"authors": [brief["pubkey"]]}), 3),
            (json!({"authors": [brief["pubkey"]], "kinds": [1], "limit": 2}), 2),
        ];
        let expires = UNIX_EPOCH + Duration::from_secs(now + 4);
        for (filter, all) in &filters {
            let answers = seen(&mut client, filter).await;
            // A slow machine may not get through in time: then there is nothing to compare.
            if SystemTime::now() < expires {
                assert_eq!(answers, (*all, *all as u64, *all), "{filter}");
            }
        }
        tokio::time::sleep(expires.duration_since(SystemTime::now()).unwrap_or_default()).await;
        for (filter, _) in &filters {
            assert_eq!(seen(&mut client, filter).await, (1, 1, 1), "{filter}");
            assert_eq!(watching.req("all", std::slice::from_ref(filter)).await.len(), 1);
        }
        let again = client.publish(&brief).await;
        assert!(
            !again.accepted && again.message.starts_with("invalid: "),
            "{again:?}"
        );
        // Whether it has been removed by now or not, the next version takes its place.
        client
            .accepted(&event(0).content("{\"name\":\"new\"}").sign())
            .await;
        assert_eq!(client.count(&[json!({"kinds": [0]})]).await, 1);
    }
}

#[tokio::test]
async fn an_expiration_says_nothing_about_what_is_never_stored() {
    let stack = Stack::start().await;
    let (mut client, mut listening) = (stack.client().await, stack.client().await);
    listening.req("live", &[json!({"kinds": [20_001]})]).await;
    let ephemeral = event(20_001).tag(["expiration", "1600000000"]).sign();
    client.accepted(&ephemeral).await;
    assert_eq!(listening.live("live").await, ephemeral);
}
