//! A client library that nobody here wrote: rust-nostr's `nostr-sdk`.

use std::time::Duration;

use nostr_sdk::prelude::*;
use testkit::Stack;

const PATIENCE: Duration = Duration::from_secs(20);

async fn connected(url: &str) -> Client {
    let client = Client::new(Keys::generate());
    client.add_relay(url).await.unwrap();
    client.connect().await;
    client.wait_for_connection(PATIENCE).await;
    client
}

#[tokio::test]
async fn publishes_reads_back_and_hears_live() {
    let stack = Stack::builder().relays(2).workers(2).start().await;
    let (writer, reader) = (
        connected(&stack.url_of(0)).await,
        connected(&stack.url_of(1)).await,
    );
    let first = writer
        .send_event_builder(EventBuilder::text_note("stored"))
        .await
        .unwrap();
    assert!(first.failed.is_empty(), "{first:?}");
    let author = writer.signer().await.unwrap().get_public_key().await.unwrap();
    let filter = Filter::new().author(author).kind(Kind::TextNote);
    let stored = reader.fetch_events(filter.clone(), PATIENCE).await.unwrap();
    assert_eq!(
        stored.into_iter().map(|event| event.content).collect::<Vec<_>>(),
        ["stored"]
    );

    let mut notifications = reader.notifications();
    reader.subscribe(filter.limit(0), None).await.unwrap();
    let live = tokio::time::timeout(PATIENCE, async {
        // Until the subscription stands, an event could be older than it: publish until one is heard.
        loop {
            writer
                .send_event_builder(EventBuilder::text_note("live"))
                .await
                .unwrap();
            let heard = tokio::time::timeout(Duration::from_secs(1), notifications.recv()).await;
            if let Ok(Ok(RelayPoolNotification::Event { event, .. })) = heard {
                return event;
            }
        }
    });
    assert_eq!(live.await.unwrap().content, "live");
}

#[tokio::test]
async fn authenticates_counts_and_searches() {
    let stack = Stack::start().await;
    let client = connected(&stack.url()).await;
    let relay = client.relay(stack.url()).await.unwrap();
    // Only its authenticated author may publish this: the library answers the challenge and says it again.
    let protected = EventBuilder::text_note("a protected word").tag(Tag::protected());
    let published = client.send_event_builder(protected).await.unwrap();
    assert!(published.failed.is_empty(), "{published:?}");
    client
        .send_event_builder(EventBuilder::text_note("another"))
        .await
        .unwrap();
    let author = client.signer().await.unwrap().get_public_key().await.unwrap();
    let notes = Filter::new().author(author).kind(Kind::TextNote);
    assert_eq!(relay.count_events(notes.clone(), PATIENCE).await.unwrap(), 2);
    let searching = async {
        // What is stored becomes searchable a moment later.
        loop {
            let found = client.fetch_events(notes.clone().search("protected"), PATIENCE);
            if let Some(event) = found.await.unwrap().first() {
                return event.id;
            }
        }
    };
    let found = tokio::time::timeout(PATIENCE, searching).await;
    assert_eq!(found.unwrap(), published.val);
}
