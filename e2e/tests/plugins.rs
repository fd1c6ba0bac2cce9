//! What outsiders on Redis hear and may say: channels are a contract.

use std::{collections::BTreeSet, time::Duration};

use fred::{
    clients::SubscriberClient,
    interfaces::{ClientLike, EventInterface, PubsubInterface},
    prelude::{Builder, Config},
    types::Message,
};
use serde_json::{Value, json};
use testkit::{Stack, event, note, redis_url};
use tokio::sync::broadcast::Receiver;

const PATIENCE: Duration = Duration::from_secs(20);

pub async fn redis() -> fred::clients::Client {
    let client = Builder::from_config(Config::from_url(&redis_url()).unwrap())
        .build()
        .unwrap();
    client.init().await.unwrap();
    client
}

/// A plugin: subscribed to everything of this relay, and known to it.
struct Plugin {
    _client: SubscriberClient,
    messages: Receiver<Message>,
    prefix: usize,
}

impl Plugin {
    async fn listen(stack: &Stack) -> Self {
        let mut builder = Builder::from_config(Config::from_url(&redis_url()).unwrap());
        builder.with_performance_config(|config| config.broadcast_channel_capacity = 10_000);
        let client = builder.build_subscriber_client().unwrap();
        client.init().await.unwrap();
        let messages = client.message_rx();
        client.psubscribe(stack.key("events:*")).await.unwrap();
        let mut plugin = Self {
            _client: client,
            messages,
            prefix: stack.namespace.len(),
        };
        // The relay looks for listeners ten times a second: the first copy shows that it knows.
        let mut probe = stack.client().await;
        loop {
            probe.send("probe").await;
            probe.expect("NOTICE").await;
            if plugin
                .within(Duration::from_millis(200), "NOTICE")
                .await
                .is_some()
            {
                break;
            }
        }
        probe.leave().await;
        plugin
    }

    /// The next message whose channel ends with `:<command>`, as (middle of the channel, payload).
    async fn hears(&mut self, command: &str) -> (String, String) {
        self.within(PATIENCE, command)
            .await
            .unwrap_or_else(|| panic!("no {command} was heard"))
    }

    async fn within(&mut self, patience: Duration, command: &str) -> Option<(String, String)> {
        let hearing = async {
            loop {
                let message = self.messages.recv().await.unwrap();
                let channel = message.channel[self.prefix..].to_owned();
                if let Some(middle) = channel.strip_suffix(&format!(":{command}")) {
                    return (
                        middle.strip_prefix("events:").unwrap().to_owned(),
                        message.value.as_string().unwrap(),
                    );
                }
            }
        };
        tokio::time::timeout(patience, hearing).await.ok()
    }
}

#[tokio::test]
async fn a_plugin_sees_everything_that_a_client_receives() {
    let stack = Stack::start().await;
    let mut plugin = Plugin::listen(&stack).await;
    let mut client = stack.client().await;
    let id = client.challenge.clone();

    let stored = note("stored").sign();
    client.accepted(&stored).await;
    let (to, new) = plugin.hears("FOUND_EVENT").await;
    assert_eq!(
        (to.as_str(), serde_json::from_str::<Value>(&new).unwrap()),
        ("_:_", stored.clone())
    );
    let (to, ok) = plugin.hears("OK").await;
    assert_eq!(to, format!("{id}:_"));
    assert_eq!(
        serde_json::from_str::<Value>(&ok).unwrap(),
        json!(["OK", stored["id"], true, ""])
    );

    client.req("a:b", &[json!({"kinds": [1]})]).await;
    let (to, found) = plugin.hears("FOUND_EVENT").await;
    assert_eq!(
        (to, serde_json::from_str::<Value>(&found).unwrap()),
        (format!("{id}:a:b"), stored)
    );
    assert_eq!(
        plugin.hears("FOUND_END").await,
        (format!("{id}:a:b"), r#"["finish"]"#.to_owned())
    );

    let live = note("live").sign();
    client.accepted(&live).await;
    let mut channels = BTreeSet::new();
    for _ in 0..2 {
        let (to, event) = plugin.hears("FOUND_EVENT").await;
        assert_eq!(serde_json::from_str::<Value>(&event).unwrap(), live);
        channels.insert(to);
    }
    assert_eq!(channels, BTreeSet::from(["_:_".to_owned(), format!("{id}:a:b")]));

    client.send(json!(["COUNT", "c", {}])).await;
    assert_eq!(
        plugin.hears("COUNT").await,
        (format!("{id}:c"), r#"{"count":2}"#.to_owned())
    );
    client.send(json!(["REQ", "bad", {"ids": ["x"]}])).await;
    let (to, reason) = plugin.hears("CLOSED").await;
    assert!(
        to == format!("{id}:bad") && reason.starts_with("invalid: "),
        "{to} {reason}"
    );
    client.send("nonsense").await;
    assert!(plugin.hears("NOTICE").await.1.starts_with("invalid: "));
}

#[tokio::test]
async fn anybody_may_speak_to_a_connection() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    let (redis, id) = (redis().await, client.challenge.clone());
    let channel = |rest: &str| stack.key(&format!("events:{id}:{rest}"));
    client.req("s", &[json!({"kinds": [7]})]).await;

    let _: u64 = redis
        .publish(channel("_:NOTICE"), "hello \"there\"")
        .await
        .unwrap();
    assert_eq!(client.next().await, json!(["NOTICE", "hello \"there\""]));

    let event = event(7).content("from a plugin").sign();
    let canonical = format!(
        r#"{{"id":{},"pubkey":{},"created_at":{},"kind":7,"tags":[],"content":"from a plugin","sig":{}}}"#,
        event["id"], event["pubkey"], event["created_at"], event["sig"]
    );
    for _ in 0..2 {
        let _: u64 = redis
            .publish(channel("s:FOUND_EVENT"), canonical.as_str())
            .await
            .unwrap();
    }
    assert_eq!(client.next().await, json!(["EVENT", "s", event]));

    let _: u64 = redis
        .publish(channel("_:TERMINATE"), r#"[3502,"closed by the operator"]"#)
        .await
        .unwrap();
    let close = client.closed().await;
    assert_eq!(
        (u16::from(close.code), close.reason.as_str()),
        (3502, "closed by the operator")
    );
}

#[tokio::test]
async fn the_python_plugin_of_the_documentation_works() {
    use std::{
        io::{BufRead, BufReader},
        process::{Command, Stdio},
    };
    let stack = Stack::start().await;
    let port = redis_url()
        .rsplit(':')
        .next()
        .unwrap()
        .trim_end_matches('/')
        .to_owned();
    let mut plugin = Command::new("python3")
        .args([
            concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/examples/thank_you.py"),
            &port,
            &stack.namespace,
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(plugin.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "listening\n");
    let mut client = stack.client().await;
    let thanked = async {
        // The relay looks for listeners ten times a second: what was published before it knew is not thanked for.
        let mut thanks = Vec::new();
        loop {
            let event = note(&format!("{:?}", tokio::time::Instant::now())).sign();
            client.accepted(&event).await;
            thanks.push(format!("thank you for {}", event["id"].as_str().unwrap()));
            client.start("sync", &[json!({"limit": 0})]).await;
            let message = client.next().await;
            if message[0] == "NOTICE" {
                return (message, thanks);
            }
        }
    };
    let (notice, thanks) = tokio::time::timeout(PATIENCE, thanked).await.unwrap();
    plugin.kill().unwrap();
    plugin.wait().unwrap();
    assert!(
        thanks.iter().any(|thanks| notice[1] == thanks.as_str()),
        "{notice}"
    );
}
