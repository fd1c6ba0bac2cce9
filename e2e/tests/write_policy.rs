//! The operator's own judge of events: a child process of the worker, as strfry has it.

use std::{os::unix::fs::PermissionsExt, path::PathBuf};

use serde_json::{Value, json};
use testkit::{Keys, Stack, StackBuilder, event, note};
use tokio::time::{Duration, Instant};

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("switchyard-{}", testkit::namespace().replace(':', "")));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// A script that can be run. It takes the place of another in one step.
    fn script(&self, name: &str, text: &str) -> String {
        let (new, path) = (self.path("new"), self.path(name));
        std::fs::write(&new, text).unwrap();
        std::fs::set_permissions(&new, PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::rename(&new, &path).unwrap();
        path
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// Answers each event by its content: an action, and a message after a blank.
const BY_CONTENT: &str = r##"#!/usr/bin/env python3
import json, sys
log = open(sys.argv[1], "a") if len(sys.argv) > 1 else None
for line in sys.stdin:
    request = json.loads(line)
    if log: print(line, end="", file=log, flush=True)
    event = request["event"]
    action, _, message = event["content"].partition(" ")
    if action == "die": sys.exit("I cannot go on")
    if action == "sleep": continue
    print(json.dumps({"id": event["id"], "action": action, "msg": message}), flush=True)
"##;

fn with(command: &str) -> StackBuilder {
    Stack::builder().set("WRITE_POLICY__COMMAND", command)
}

#[tokio::test]
async fn events_are_accepted_rejected_and_shadow_rejected() {
    let folder = Folder::new();
    let script = folder.script("policy", BY_CONTENT);
    let stack = with(&script).start().await;
    let (mut writer, mut reader) = (stack.client().await, stack.client().await);
    reader.req("live", &[json!({})]).await;
    for (content, accepted, message) in [
        ("accept", true, ""),
        ("reject blocked: not you", false, "blocked: not you"),
        ("reject rate-limited: slow down", false, "rate-limited: slow down"),
        ("reject not you", false, "blocked: not you"),
        ("reject", false, "blocked: this event is not welcome here"),
        ("shadowReject", true, ""),
    ] {
        let ok = writer.publish(&note(content).sign()).await;
        assert_eq!(
            (ok.accepted, ok.message.as_str()),
            (accepted, message),
            "{content}"
        );
    }
    let ephemeral = |content: &str| event(20_001).content(content).sign();
    assert!(!writer.publish(&ephemeral("reject")).await.accepted);
    writer.accepted(&ephemeral("shadowReject")).await;
    writer.accepted(&ephemeral("accept")).await;
    let kinds = [reader.live("live").await, reader.live("live").await].map(|event| event["kind"].clone());
    assert_eq!(kinds, [json!(1), json!(20_001)]);
    let stored = writer.req("s", &[json!({})]).await;
    assert_eq!(
        stored.iter().map(|event| &event["content"]).collect::<Vec<_>>(),
        ["accept"]
    );
    let metrics = stack.workers[0].metrics().await;
    assert!(
        metrics.contains(r#"worker_judged_total{verdict="shadowReject"} 2"#),
        "{metrics}"
    );
}

#[tokio::test]
async fn the_plugin_gets_the_lines_that_strfry_writes_and_only_what_is_new_and_lawful() {
    let folder = Folder::new();
    let script = folder.script("policy", BY_CONTENT);
    let log = folder.path("log");
    let stack = with(&format!("SHOWN=1 {script} {log}"))
        .set("POLICY__DENIED_KINDS", "[4]")
        .set("WEBSOCKET__TRUSTED_PROXIES", r#"["127.0.0.1/32"]"#)
        .start()
        .await;
    let address = [("x-forwarded-for", "2001:db8::7")];
    let mut proxied = testkit::Client::connect_with(&stack.url(), &address).await;
    let mut client = stack.client().await;
    let first = note("accept é \"quoted\"\n").tag(["t", "x"]).sign();
    proxied.accepted(&first).await;
    assert!(!client.publish(&event(4).sign()).await.accepted);
    // Known to another process by nothing but Postgres.
    let second = note("accept 2").sign();
    let answer = event(22_242)
        .tag(["relay", &stack.url()])
        .tag(["challenge", &client.challenge])
        .sign();
    client.send(json!(["AUTH", answer])).await;
    assert!(client.ok_for(&answer).await.accepted);
    client.accepted(&second).await;
    let again = client.publish(&first).await;
    assert!(
        again.accepted && again.message.starts_with("duplicate: "),
        "{again:?}"
    );
    let lines: Vec<Value> = folder
        .read("log")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2, "{lines:#?}");
    for (line, event, source, info) in [
        (&lines[0], &first, "IP6", "2001:db8::7"),
        (&lines[1], &second, "IP4", "127.0.0.1"),
    ] {
        assert_eq!((&line["type"], &line["event"]), (&json!("new"), event));
        assert_eq!(
            (&line["sourceType"], &line["sourceInfo"]),
            (&json!(source), &json!(info))
        );
        assert!(line["receivedAt"].as_u64().is_some_and(|at| at > 1_700_000_000));
    }
    assert_eq!(lines[0].get("authed"), None);
    assert_eq!(lines[1]["authed"], Keys::of("alice").pubkey());
}

#[tokio::test]
async fn a_child_does_not_learn_our_settings() {
    let folder = Folder::new();
    let dump = folder.path("environment");
    let command = format!("env > {dump}; exec {}", folder.script("policy", BY_CONTENT));
    let stack = with(&command)
        .set("RELAY__SECRET_KEY", "07".repeat(32))
        .start()
        .await;
    stack.client().await.accepted(&note("accept").sign()).await;
    let environment = folder.read("environment");
    assert!(environment.contains("NO_COLOR="), "{environment}");
    for name in ["SWITCHYARD_", "DATABASE_URL", "REDIS_URL"] {
        assert!(!environment.contains(name), "{environment}");
    }
}

/// Answers the last of ten first, and all at once.
const BACKWARDS: &str = r##"#!/usr/bin/env python3
import json, sys
ids = []
while True:
    ids.append(json.loads(sys.stdin.readline())["event"]["id"])
    if len(ids) == 10:
        for id in reversed(ids): print(json.dumps({"id": id, "action": "accept"}))
        sys.stdout.flush()
        ids = []
"##;

#[tokio::test]
async fn several_events_are_in_flight_and_answers_may_come_in_any_order() {
    let folder = Folder::new();
    let stack = with(&folder.script("policy", BACKWARDS))
        .set("WRITE_POLICY__IN_FLIGHT", 10)
        .start()
        .await;
    let mut client = stack.client().await;
    let events: Vec<Value> = (0..20).map(|n| note(&n.to_string()).sign()).collect();
    for event in &events {
        client.send(json!(["EVENT", event])).await;
    }
    for event in &events {
        let ok = client.ok_for(event).await;
        assert!(ok.accepted, "{ok:?}");
    }
}

#[tokio::test]
async fn several_children_share_the_work() {
    let folder = Folder::new();
    let slow = "#!/usr/bin/env python3\nimport json, sys, os, time\nfor line in sys.stdin:\n    \
                open(sys.argv[1], 'a').write(f'{os.getpid()}\\n'); time.sleep(0.05)\n    \
                print(json.dumps({'id': json.loads(line)['event']['id'], 'action': 'accept'}), flush=True)\n";
    let script = folder.script("policy", slow);
    let stack = with(&format!("{script} {}", folder.path("log")))
        .set("WRITE_POLICY__PROCESSES", 3)
        .set("WRITE_POLICY__IN_FLIGHT", 1)
        .start()
        .await;
    let mut client = stack.client().await;
    let events: Vec<Value> = (0..30).map(|n| note(&n.to_string()).sign()).collect();
    for event in &events {
        client.send(json!(["EVENT", event])).await;
    }
    for event in &events {
        assert!(client.ok_for(event).await.accepted);
    }
    let log = folder.read("log");
    let mut children: Vec<&str> = log.lines().collect();
    assert_eq!(children.len(), 30);
    children.sort_unstable();
    children.dedup();
    assert_eq!(children.len(), 3);
}

#[tokio::test]
async fn a_silent_plugin_costs_an_event_its_time_and_is_started_again() {
    let folder = Folder::new();
    let script = folder.script("policy", BY_CONTENT);
    // More than a plugin takes to start where everything is busy.
    let patience = Duration::from_secs(2);
    let stack = with(&script)
        .set("WRITE_POLICY__TIMEOUT_MS", patience.as_millis())
        .start()
        .await;
    let mut client = stack.client().await;
    client.accepted(&note("accept").sign()).await;
    let began = Instant::now();
    let ok = client.publish(&note("sleep").sign()).await;
    assert!(!ok.accepted && ok.message.starts_with("error: "), "{ok:?}");
    assert!(began.elapsed() >= patience);
    // Reading goes on meanwhile, and so does writing once it runs again.
    assert_eq!(client.req("s", &[json!({})]).await.len(), 1);
    let mut n = 0;
    while !client
        .publish(&note(&format!("accept {n}")).sign())
        .await
        .accepted
    {
        n += 1;
    }
    let is_counted = async {
        while stack.workers[0]
            .metrics()
            .await
            .contains("worker_write_policy_failures_total 0")
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let counted = tokio::time::timeout(Duration::from_secs(20), is_counted).await;
    assert!(counted.is_ok(), "the silent child is a failure");
}

#[tokio::test]
async fn a_plugin_that_dies_takes_only_what_it_was_asked_with_it() {
    let folder = Folder::new();
    let script = folder.script("policy", BY_CONTENT);
    let stack = with(&script).start().await;
    let mut client = stack.client().await;
    for round in 0..3 {
        let ok = client.publish(&note(&format!("die {round}")).sign()).await;
        assert!(!ok.accepted && ok.message.starts_with("error: "), "{ok:?}");
        client.accepted(&note(&format!("accept {round}")).sign()).await;
    }
    assert!(
        stack.workers[0].log().contains("I cannot go on"),
        "its last words are in the log"
    );
}

#[tokio::test]
async fn without_a_plugin_that_works_the_configured_verdict_counts_at_once() {
    for (setting, accepted) in [("accept", true), ("reject", false)] {
        let stack = with("/nowhere/policy")
            .set("WRITE_POLICY__ON_FAILURE", setting)
            .start()
            .await;
        let mut client = stack.client().await;
        let began = Instant::now();
        for n in 0..20 {
            let ok = client.publish(&note(&n.to_string()).sign()).await;
            assert_eq!(ok.accepted, accepted, "{ok:?}");
            assert!(accepted || ok.message.starts_with("error: "), "{ok:?}");
        }
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "no event waited for its whole time"
        );
    }
}

#[tokio::test]
async fn a_changed_script_is_started_anew() {
    let folder = Folder::new();
    let all = |action: &str| {
        format!(
            "#!/usr/bin/env python3\nimport json, sys\nfor line in sys.stdin:\n    \
             print(json.dumps({{'id': json.loads(line)['event']['id'], 'action': '{action}'}}), flush=True)\n"
        )
    };
    let script = folder.script("policy", &all("accept"));
    let stack = with(&script).start().await;
    let mut client = stack.client().await;
    client.accepted(&note("first").sign()).await;
    folder.script("policy", &all("reject"));
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut n = 0;
    loop {
        let ok = client.publish(&note(&n.to_string()).sign()).await;
        if !ok.accepted {
            assert!(
                ok.message.starts_with("blocked: "),
                "nothing was lost meanwhile: {ok:?}"
            );
            return;
        }
        assert!(Instant::now() < deadline);
        n += 1;
    }
}

#[tokio::test]
async fn the_example_refuses_links_of_keys_that_are_not_trusted() {
    let folder = Folder::new();
    let trusted = folder.path("trusted");
    std::fs::write(&trusted, Keys::of("bob").pubkey()).unwrap();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/examples/write_policy.py");
    let stack = with(&format!("{example} {trusted}")).start().await;
    let mut client = stack.client().await;
    let link = note("look: HTTPS://example.com");
    let ok = client.publish(&link.sign()).await;
    assert_eq!(
        (ok.accepted, ok.message.as_str()),
        (false, "blocked: no links before we know you")
    );
    client.accepted(&link.by("bob").sign()).await;
    client.accepted(&note("no link").sign()).await;
}
