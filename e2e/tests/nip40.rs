//! NIP-40: events that expire.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use testkit::{Stack, note};

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
