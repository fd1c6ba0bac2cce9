//! Connections to Redis find their way back, and keep their names.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use fred::interfaces::ClientInterface;
use runtime::redis::{RedisClient, connect, ping};
use testkit::{namespace, redis_url};

/// Far longer than it takes: it bounds a failing test.
const PATIENCE: Duration = Duration::from_secs(10);

/// The id of the connection with this name in Redis' own list.
async fn id_of(client: &RedisClient, name: &str) -> Option<String> {
    let clients: String = client.client_list::<String, i64>(None, None).await.unwrap();
    let line = clients
        .lines()
        .find(|line| line.split(' ').any(|field| field == format!("name={name}")))?;
    Some(line.strip_prefix("id=")?.split_once(' ')?.0.to_owned())
}

#[tokio::test]
async fn a_connection_that_was_cut_comes_back_under_its_name() {
    let name = namespace();
    let client = connect(&redis_url(), &name).await.unwrap();
    let onlooker = connect(&redis_url(), "onlooker").await.unwrap();
    let full_name = format!("switchyard:{name}");
    let before = id_of(&onlooker, &full_name).await.expect("it has a name");
    let _killed: i64 = onlooker
        .client_kill(vec![fred::types::client::ClientKillFilter::ID(before.clone())])
        .await
        .unwrap();
    let after = tokio::time::timeout(PATIENCE, async {
        loop {
            // Each look is a round trip: the loop does not spin.
            match id_of(&onlooker, &full_name).await {
                Some(id) if id != before => return id,
                _ => tokio::task::yield_now().await,
            }
        }
    });
    after.await.expect("it comes back");
    ping(&client).await.unwrap();
}
