//! Client libraries that nobody here wrote, in other languages. `scripts/clients` installs them; rust-nostr is in `sdk.rs`.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::{Value, json};
use testkit::Stack;
use tokio::{io::AsyncWriteExt, process::Command};

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// What a client saw: the JSON that its script prints. It reads `input`.
pub async fn see(interpreter: PathBuf, script: &str, stack: &Stack, input: &str) -> Value {
    let installed = top().join(".data/clients/made_of");
    assert!(
        installed.is_file(),
        "the client libraries are not installed: run `scripts/clients`"
    );
    let mut client = Command::new(&interpreter)
        .arg(top().join("e2e/clients").join(script))
        .arg(stack.url())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}; run `scripts/clients`", interpreter.display()));
    let mut stdin = client.stdin.take().expect("it was piped");
    let running = async {
        // Who reads nothing may be gone already.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        client.wait_with_output().await
    };
    let output = tokio::time::timeout(Duration::from_secs(60), running)
        .await
        .expect("the client comes to an end")
        .expect("its output");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}: {}\n{errors}", output.status);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{script}: {error}\n{errors}"))
}

#[tokio::test]
async fn nostr_tools_publishes_subscribes_authenticates_counts_and_searches() {
    let stack = Stack::start().await;
    let seen = see("node".into(), "nostr_tools.mjs", &stack, "").await;
    assert_eq!(seen["published"], "");
    assert_eq!(seen["subscribed"], json!(["stored \0 é 😀 \"quoted\"\n", "live"]));
    assert_eq!(seen["isSame"], true);
    assert_eq!(seen["profiles"], json!(["new"]));
    assert!(seen["mute"].as_str().unwrap().starts_with("mute: "), "{seen}");
    assert!(
        seen["refused"].as_str().unwrap().starts_with("auth-required: "),
        "{seen}"
    );
    assert_eq!(seen["authenticated"], "");
    assert_eq!(seen["count"], 3);
    assert_eq!(seen["found"], json!(["stored \0 é 😀 \"quoted\"\n"]));
    assert!(
        seen["closed"].as_str().unwrap().starts_with("invalid: "),
        "{seen}"
    );
}

#[tokio::test]
async fn nostr_sdk_for_python_publishes_subscribes_authenticates_counts_and_searches() {
    let stack = Stack::start().await;
    let python = top().join(".data/clients/venv/bin/python");
    let seen = see(python, "nostr_sdk_client.py", &stack, "").await;
    let first = "stored é 😀 \"quoted\"\n";
    for (key, expected) in [
        ("published", json!(true)),
        ("stored", json!([first])),
        ("isSame", json!(true)),
        ("subscribed", json!([first, "live"])),
        ("profiles", json!(["new"])),
        ("authenticated", json!(true)),
        ("count", json!(3)),
        ("found", json!([first])),
    ] {
        assert_eq!(seen[key], expected, "{key}");
    }
}
