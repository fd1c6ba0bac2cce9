//! NIP-11: the relay information document on the websocket's own URL.

use serde_json::{Value, json};
use testkit::Stack;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

async fn http(stack: &Stack, method: &str, accept: &str) -> (String, String) {
    http_with(stack, method, accept, "").await
}

/// With further lines of the header.
async fn http_with(stack: &Stack, method: &str, accept: &str, more: &str) -> (String, String) {
    let mut stream = TcpStream::connect(stack.address()).await.unwrap();
    let request =
        format!("{method} / HTTP/1.1\r\nHost: relay\r\nAccept: {accept}\r\n{more}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

/// What the relay says that it supports.
pub async fn supported_nips(stack: &Stack) -> Vec<Value> {
    let (_, body) = http(stack, "GET", "application/nostr+json").await;
    let mut info: Value = serde_json::from_str(&body).unwrap();
    info["supported_nips"].as_array_mut().unwrap().split_off(0)
}

#[tokio::test]
async fn tells_what_the_relay_is_and_its_limits() {
    let stack = Stack::builder()
        .set("RELAY__NAME", "Test \"relay\"")
        .set("LIMITS__MAX_LIMIT", 7)
        .set("RELAY__SECRET_KEY", "0".repeat(63) + "1")
        .start()
        .await;
    let (head, body) = http(&stack, "GET", "application/nostr+json").await;
    for header in [
        "content-type: application/nostr+json",
        "access-control-allow-origin: *",
        "access-control-allow-headers: *",
        "access-control-allow-methods:",
    ] {
        assert!(head.contains(header), "{header} in {head}");
    }
    let info: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(info["name"], "Test \"relay\"");
    assert_eq!(info["limitation"]["max_limit"], 7);
    assert!(
        info["supported_nips"]
            .as_array()
            .unwrap()
            .iter()
            .any(|nip| *nip == 11)
    );
    // The generator of the curve is the public key of 1.
    assert_eq!(
        info["self"],
        "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
    );
    assert!(info.get("pubkey").is_none(), "empty fields are left out");
}

#[tokio::test]
async fn browsers_get_a_page_and_preflights_are_answered() {
    let stack = Stack::builder().set("RELAY__NAME", "<b>Relay</b>").start().await;
    let (head, body) = http(&stack, "GET", "text/html").await;
    assert!(
        head.starts_with("http/1.1 200") && head.contains("content-security-policy"),
        "{head}"
    );
    assert!(body.contains("&lt;b&gt;Relay") && !body.contains("<b>"), "{body}");
    let (head, _) = http(&stack, "OPTIONS", "*/*").await;
    assert!(
        head.starts_with("http/1.1 204") && head.contains("access-control-allow-origin: *"),
        "{head}"
    );
}

#[tokio::test]
async fn every_field_says_what_holds() {
    let key = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
    let stack = Stack::builder()
        .set("RELAY__PUBKEY", key)
        .set("RELAY__DESCRIPTION", "A relay for tests")
        .set("RELAY__CONTACT", "mailto:operator@relay.example")
        .set("RELAY__ICON", "https://relay.example/icon.png")
        .set("RELAY__BANNER", "https://relay.example/banner.png")
        .set("RELAY__SOFTWARE", "https://software.example")
        .set("RELAY__TERMS_OF_SERVICE", "https://relay.example/terms")
        .set("RELAY__PAYMENTS_URL", "https://relay.example/pay")
        .set(
            "RELAY__FEES",
            r#"{ subscription = [{ amount = 5000, unit = "sats", period = 2592000 }] }"#,
        )
        .set("AUTH__MIN_LEVEL_EVENT", 3)
        .set("AUTH__MIN_LEVEL_REQ", 3)
        .set("AUTH__MIN_LEVEL_COUNT", 3)
        .set("POLICY__MIN_POW_DIFFICULTY", 8)
        .set("POLICY__CREATED_AT_LOWER_LIMIT", 1000)
        .start()
        .await;
    let (_, body) = http(&stack, "GET", "text/html, application/nostr+json;q=0.9").await;
    let mut info: Value = serde_json::from_str(&body).unwrap();
    assert!(info["version"].take().is_string());
    info.as_object_mut().unwrap().remove("version");
    assert_eq!(
        info,
        json!({
            "name": "Switchyard",
            "description": "A relay for tests",
            "banner": "https://relay.example/banner.png",
            "icon": "https://relay.example/icon.png",
            "pubkey": key,
            "contact": "mailto:operator@relay.example",
            "supported_nips": [1, 4, 5, 9, 11, 13, 17, 28, 40, 42, 45, 50, 59, 62, 65, 67, 70, 77, 86, 98],
            "software": "https://software.example",
            "terms_of_service": "https://relay.example/terms",
            "limitation": {
                "max_message_length": 524_288,
                "max_subscriptions": 100,
                "max_limit": 500,
                "max_subid_length": 64,
                "max_event_tags": 5000,
                "max_content_length": 262_144,
                "min_pow_difficulty": 8,
                "auth_required": true,
                "payment_required": true,
                "restricted_writes": true,
                "created_at_lower_limit": 1000,
                "created_at_upper_limit": 900,
                "default_limit": 500,
            },
            "payments_url": "https://relay.example/pay",
            "fees": { "subscription": [{ "amount": 5000, "unit": "sats", "period": 2_592_000 }] },
        })
    );
}

#[tokio::test]
async fn who_has_the_document_need_not_get_it_again() {
    let stack = Stack::start().await;
    let (head, _) = http(&stack, "GET", "application/nostr+json").await;
    let etag = head
        .lines()
        .find_map(|line| line.strip_prefix("etag: "))
        .unwrap()
        .to_owned();
    assert!(head.contains("vary: accept"), "{head}");
    for known in [etag.clone(), format!("\"other\", W/{etag}"), "*".to_owned()] {
        let more = format!("If-None-Match: {known}\r\n");
        let (head, body) = http_with(&stack, "GET", "application/nostr+json", &more).await;
        assert!(
            head.starts_with("http/1.1 304") && head.contains("access-control-allow-origin: *"),
            "{head}"
        );
        assert!(body.is_empty(), "{body}");
    }
    let more = "If-None-Match: \"other\"\r\n";
    let (head, _) = http_with(&stack, "GET", "application/nostr+json", more).await;
    assert!(head.starts_with("http/1.1 200"), "{head}");
}
