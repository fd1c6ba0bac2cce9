//! NIP-11: the relay information document on the websocket's own URL.

use serde_json::Value;
use testkit::Stack;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

async fn http(stack: &Stack, method: &str, accept: &str) -> (String, String) {
    let mut stream = TcpStream::connect(stack.address()).await.unwrap();
    let request =
        format!("{method} / HTTP/1.1\r\nHost: relay\r\nAccept: {accept}\r\nConnection: close\r\n\r\n");
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
