//! NIP-11: the relay information document on the websocket's own URL.

use serde_json::{Value, json};
use testkit::{HttpAnswer, Stack, request};

async fn http(stack: &Stack, method: &str, accept: &str) -> HttpAnswer {
    request(stack.address(), method, "/", &[("accept", accept)], "").await
}

/// What the relay says that it supports.
pub async fn supported_nips(stack: &Stack) -> Vec<Value> {
    let answer = http(stack, "GET", "application/nostr+json").await;
    let mut info: Value = serde_json::from_str(&answer.body).unwrap();
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
    let HttpAnswer { head, body, .. } = http(&stack, "GET", "application/nostr+json").await;
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
    let HttpAnswer { status, head, body } = http(&stack, "GET", "text/html").await;
    assert!(
        status == 200 && head.contains("content-security-policy"),
        "{head}"
    );
    assert!(body.contains("&lt;b&gt;Relay") && !body.contains("<b>"), "{body}");
    let HttpAnswer { status, head, .. } = http(&stack, "OPTIONS", "*/*").await;
    assert!(
        status == 204 && head.contains("access-control-allow-origin: *"),
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
    let HttpAnswer { body, .. } = http(&stack, "GET", "text/html, application/nostr+json;q=0.9").await;
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
    let HttpAnswer { head, .. } = http(&stack, "GET", "application/nostr+json").await;
    let etag = head
        .lines()
        .find_map(|line| line.strip_prefix("etag: "))
        .unwrap()
        .to_owned();
    assert!(head.contains("vary: accept"), "{head}");
    let unless_known = async |known: &str| {
        let headers = [("accept", "application/nostr+json"), ("if-none-match", known)];
        request(stack.address(), "GET", "/", &headers, "").await
    };
    for known in [&etag, &format!("\"other\", W/{etag}"), "*"] {
        let HttpAnswer { status, head, body } = unless_known(known).await;
        assert!(
            status == 304 && head.contains("access-control-allow-origin: *"),
            "{head}"
        );
        assert!(body.is_empty(), "{body}");
    }
    assert_eq!(unless_known("\"other\"").await.status, 200);
}
