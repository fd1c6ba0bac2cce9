//! The Connections page: who is connected, and the end of some of them.

use std::time::Instant;

use serde_json::json;
use testkit::{Client, Keys, Stack, TestRedis, note};

use crate::{
    browser::Browser,
    operator::{Operator, operated, signed_in, with_operator},
};

/// Presses a button of this page that closes these two and no others.
async fn close_both(browser: &Browser, button: &str, clients: [Client; 2]) {
    browser.agree_to_everything().await;
    browser.click(button).await;
    let said = browser.text(".flash.good").await;
    assert!(said.contains("2 connections are closed."), "{said}");
    for mut client in clients {
        assert_eq!(u16::from(client.closed().await.code), 3502);
    }
}

/// That an operator closed two connections of somebody.
async fn it_is_noted(browser: &Browser, of: &str) {
    browser.until("/settings/history", of).await;
    let noted = browser.text("tbody tr").await;
    for part in ["boss", "connections.close", "2 closed"] {
        assert!(noted.contains(part), "{noted}");
    }
}

/// Clients reach it through a proxy.
async fn behind_a_proxy() -> Stack {
    let stack = Stack::builder()
        .relays(2)
        .set("WEBSOCKET__TRUSTED_PROXIES", r#"["127.0.0.1/32"]"#);
    operated(stack).await
}

async fn client_from(stack: &Stack, relay: usize, address: &str) -> Client {
    Client::connect_with(&stack.url_of(relay), &[("x-forwarded-for", address)]).await
}

#[tokio::test]
async fn a_client_is_disconnected() {
    let stack = with_operator().await;
    let mut client = stack.client().await;
    client.req("feed <b>", &[json!({ "kinds": [1] })]).await;
    let browser = signed_in(&stack).await;
    let id = client.challenge.clone();
    let path = format!("/connections/{id}");
    browser.go(&path).await;
    for _ in 0..100 {
        if browser.text("main").await.contains("feed <b>") {
            break;
        }
        browser.go(&path).await;
    }
    assert!(browser.text("main pre").await.contains("\"kinds\":[1]"));
    browser.click("form[action='/connections/close'] button").await;
    assert_eq!(u16::from(client.closed().await.code), 3502);
    browser.close().await;
}

#[tokio::test]
async fn all_connections_of_an_address_are_closed_and_no_others() {
    let stack = behind_a_proxy().await;
    let (here, there) = (
        client_from(&stack, 0, "203.0.113.7").await,
        client_from(&stack, 1, "203.0.113.7").await,
    );
    let mut neighbour = client_from(&stack, 0, "203.0.113.70").await;
    let browser = signed_in(&stack).await;
    // The neighbour's begins alike.
    browser
        .until("/connections?q=203.0.113.7", "3 of 3 on 2 relay-ws")
        .await;
    browser.go(&format!("/connections/{}", here.challenge)).await;
    close_both(&browser, "[value=address] + button", [here, there]).await;
    neighbour.accepted(&note("still here").sign()).await;
    browser.until("/connections", "1 on 1 relay-ws").await;
    it_is_noted(&browser, "address 203.0.113.7").await;
    browser.close().await;
}

#[tokio::test]
async fn all_connections_of_a_key_are_closed_and_no_others() {
    let stack = behind_a_proxy().await;
    let (mut here, mut there) = (
        client_from(&stack, 0, "203.0.113.7").await,
        client_from(&stack, 1, "2001:db8::7").await,
    );
    let (mut bob, mut nobody) = (
        client_from(&stack, 0, "203.0.113.7").await,
        client_from(&stack, 0, "203.0.113.7").await,
    );
    for (client, name) in [(&mut here, "alice"), (&mut there, "alice"), (&mut bob, "bob")] {
        client.authenticate(name).await;
    }
    let browser = signed_in(&stack).await;
    let alice = Keys::of("alice").pubkey();
    browser
        .until(&format!("/connections?q={alice}"), "2 of 4 on")
        .await;
    browser.go(&format!("/connections/{}", there.challenge)).await;
    close_both(&browser, "[value=pubkey] + button", [here, there]).await;
    bob.accepted(&note("still here").by("bob").sign()).await;
    nobody.accepted(&note("still here, too").sign()).await;
    it_is_noted(&browser, &format!("pubkey {alice}")).await;
    browser.close().await;
}

#[tokio::test]
async fn ten_thousand_connections_are_listed() {
    let stack = Stack::builder().admin().start().await;
    let redis = TestRedis::connect().await;
    let process = redis
        .run::<Vec<String>>("HKEYS", &[&stack.key("relay_processes")])
        .await
        .remove(0);
    for chunk in 0..100 {
        let ids: Vec<String> = (0..100)
            .map(|n| format!("{process}{:024x}", chunk * 100 + n))
            .collect();
        let set: Vec<String> = std::iter::once(stack.key("connections"))
            .chain(ids.clone())
            .collect();
        redis
            .order("SADD", &set.iter().map(String::as_str).collect::<Vec<_>>())
            .await;
        for (hash, value) in [
            ("connections_ips", "203.0.113.7"),
            ("connections_starts", "1790000000"),
            ("requests", "1234"),
            ("incoming_traffic", "123456"),
            ("outgoing_traffic", "12345678"),
            ("authorizations", "1"),
        ] {
            let fields = ids.iter().flat_map(|id| [id.clone(), value.to_owned()]);
            let all: Vec<String> = std::iter::once(stack.key(hash)).chain(fields).collect();
            redis
                .order("HSET", &all.iter().map(String::as_str).collect::<Vec<_>>())
                .await;
        }
    }
    let operator = Operator::of(&stack).await;
    let mut fastest = u128::MAX;
    for sort in ["-start", "address", "-out", "-subscriptions", "level"] {
        let began = Instant::now();
        let page = operator.page(&format!("/connections?sort={sort}&page=3")).await;
        fastest = fastest.min(began.elapsed().as_millis());
        assert!(page.contains("10\u{202f}000 on 1"), "{}", page);
        assert_eq!(page.matches("203.0.113.7</code>").count(), 50);
    }
    // Without optimization, beside other tests: the bound is far from what a release build takes.
    assert!(fastest < 2000, "{fastest} ms");
}
