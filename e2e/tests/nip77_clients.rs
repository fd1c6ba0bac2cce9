//! NIP-77 with implementations of Negentropy that share nothing with ours.

use std::time::Duration;

use nostr_sdk::{
    EventBuilder, Filter, Keys, SyncDirection, SyncOptions,
    prelude::{MemoryDatabase, MemoryDatabaseOptions},
};
use serde_json::json;
use testkit::{Stack, event};

use crate::{
    clients::see,
    nip77::{Ids, ids, notes, publish},
};

#[tokio::test]
async fn nostr_tools_learns_what_each_side_lacks() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    let all = notes(0..1500);
    publish(&mut client, &all[..1200]).await;
    publish(&mut client, &[event(7).sign()]).await;
    let theirs: String = all[300..].iter().map(|event| format!("{event}\n")).collect();
    let seen = see("node".into(), "nostr_tools_sync.mjs", &stack, &theirs).await;
    let set = |side: &str| -> Ids {
        let ids = seen[side].as_array().unwrap();
        ids.iter().map(|id| id.as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(set("have"), ids(&all[1200..]));
    assert_eq!(set("need"), ids(&all[..300]));
}

/// rust-nostr's client, in both directions.
#[tokio::test]
async fn nostr_sdk_syncs_with_us() {
    const PATIENCE: Duration = Duration::from_secs(20);
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    let theirs = notes(0..700);
    publish(&mut client, &theirs).await;
    let keys = Keys::generate();
    let kept = MemoryDatabase::with_opts(MemoryDatabaseOptions {
        events: true,
        ..MemoryDatabaseOptions::default()
    });
    let sdk = nostr_sdk::Client::builder()
        .signer(keys.clone())
        .database(kept)
        .build();
    let mut ours = Vec::new();
    for number in 0..120 {
        let own = EventBuilder::text_note(number.to_string())
            .sign_with_keys(&keys)
            .unwrap();
        sdk.database().save_event(&own).await.unwrap();
        ours.push(own.id.to_hex());
    }
    sdk.add_relay(stack.url()).await.unwrap();
    sdk.connect().await;
    sdk.wait_for_connection(PATIENCE).await;
    let options = SyncOptions::default().direction(SyncDirection::Both);
    let synced = sdk
        .sync(Filter::new().kind(nostr_sdk::Kind::TextNote), &options)
        .await
        .unwrap();
    assert!(synced.failed.is_empty(), "{synced:?}");
    assert_eq!((synced.received.len(), synced.sent.len()), (700, 120));
    let found = client
        .req(
            "s",
            &[json!({"kinds": [1], "authors": [keys.public_key().to_hex()]})],
        )
        .await;
    assert_eq!(ids(&found), ours.into_iter().collect::<Ids>());
}
