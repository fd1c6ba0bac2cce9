//! NIP-05: names that operators gave, on the relay's own domain.

use serde_json::{Value, json};
use testkit::{HttpAnswer, Keys, Stack, request};

async fn ask(stack: &Stack, query: &str) -> HttpAnswer {
    let path = format!("/.well-known/nostr.json{query}");
    request(stack.address(), "GET", &path, &[], "").await
}

#[tokio::test]
async fn a_name_leads_to_its_key_and_relays() {
    let stack = Stack::start().await;
    let bob = Keys::of("bob").pubkey();
    let mut database = stack.database.connect().await;
    sqlx::query("INSERT INTO user_pubkeys (pubkey, name, relays) VALUES (decode($1, 'hex'), 'bob', '{wss://a.example}')")
        .bind(&bob)
        .execute(&mut database)
        .await
        .unwrap();
    // Nobody told Redis: workers look at Postgres by themselves.
    for _ in 0..500 {
        let answer = ask(&stack, "?name=bob").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(
            answer.head.contains("access-control-allow-origin: *"),
            "{answer:?}"
        );
        let found: Value = serde_json::from_str(&answer.body).unwrap();
        if found["names"]["bob"] == bob {
            assert_eq!(found["relays"], json!({ bob: ["wss://a.example"] }));
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the name is never told");
}

#[tokio::test]
async fn nobody_is_told_to_who_names_nobody() {
    let stack = Stack::start().await;
    for query in ["", "?name=", "?name=nobody", "?name=%2e%2e", "?other=1"] {
        let answer = ask(&stack, query).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, r#"{"names":{}}"#),
            "{query}"
        );
    }
}
