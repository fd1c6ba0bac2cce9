//! `worker import` and `worker export`, and every command of docs/import-export.md.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::{Value, json};
use testkit::{Keys, Stack, TestDatabase, command, event, note};

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(testkit::namespace().replace(':', ""));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

fn worker(database: &TestDatabase, arguments: &[&str]) -> Command {
    let mut worker = command("worker", database);
    worker
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    worker
}

fn start(database: &TestDatabase, arguments: &[&str]) -> Child {
    worker(database, arguments).stdin(Stdio::piped()).spawn().unwrap()
}

fn import(database: &TestDatabase, arguments: &[&str], input: &str) -> Output {
    let mut child = start(database, &[&["import"], arguments].concat());
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writing = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
    output
}

fn export(database: &TestDatabase, arguments: &[&str]) -> Vec<String> {
    let output = worker(database, &[&["export"], arguments].concat())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout).lines().map(str::to_owned).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The report without its alignment: `stored 3`.
fn counts(output: &Output) -> Vec<String> {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text(&output.stdout).lines().map(words).collect()
}

fn lines(events: &[Value]) -> String {
    events.iter().map(|event| format!("{event}\n")).collect()
}

fn ids(lines: &[String]) -> Vec<String> {
    let id = |line: &String| {
        serde_json::from_str::<Value>(line).unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    lines.iter().map(id).collect()
}

fn id(event: &Value) -> String {
    event["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_import_tells_what_became_of_every_line() {
    let database = TestDatabase::create().await;
    let old = event(10_002).at(1_700_000_000).content("old").sign();
    let new = event(10_002).at(1_700_000_001).content("new").sign();
    let mut forged = note("forged").sign();
    forged["content"] = json!("else");
    let mut unsigned = note("unsigned").sign();
    unsigned["sig"] = json!("00".repeat(64));
    let expired = note("expired").tag(["expiration", "1600000000"]).sign();
    let protected = note("protected").tag(["-"]).sign();
    let input = [
        note("one").at(1_700_000_000).sign().to_string(),
        new.to_string(),
        String::new(),
        old.to_string(),
        "not JSON".to_owned(),
        forged.to_string(),
        unsigned.to_string(),
        note("one").at(1_700_000_000).sign().to_string(),
        event(20_001).sign().to_string(),
        expired.to_string(),
        protected.to_string(),
        // Other tools write keys in another order, with whitespace, and keys of their own.
        format!("  {:#}\r", note("two").sign()).replace('\n', " "),
    ]
    .join("\n");
    let output = import(&database, &[], &input);
    let expected = [
        "lines 12",
        "stored 3",
        "duplicate 1",
        "replaced 1",
        "refused 6",
        "1 auth-required: this event may only be published by its author",
        "1 ephemeral: ephemeral events are not stored",
        "1 invalid: bad signature",
        "1 invalid: event id does not match",
        "1 invalid: not an event",
        "1 invalid: the event has expired",
    ];
    assert_eq!(counts(&output), expected);
    let errors = text(&output.stderr);
    for said in [
        "line 5: not an event",
        "line 6: event id does not match",
        "line 7: bad signature",
    ] {
        assert!(errors.contains(said), "{said} in {errors}");
    }
    assert!(
        !errors.contains("line 11"),
        "policy is no fault of the line: {errors}"
    );

    let again = import(&database, &["--no-policy", "--verbose"], &input);
    assert_eq!(
        counts(&again)[1..5],
        ["stored 1", "duplicate 4", "replaced 1", "refused 5"]
    );
    assert!(text(&again.stderr).contains("line 9: ephemeral events are not stored"));
    assert!(ids(&export(&database, &[])).contains(&id(&protected)));
}

#[tokio::test]
async fn an_export_is_what_was_imported_in_either_order_and_by_any_filter() {
    let database = TestDatabase::create().await;
    let tagged = |n: u64| {
        note(&n.to_string())
            .at(1_700_000_000 + n % 7)
            .tag(["t", if n.is_multiple_of(3) { "x" } else { "y" }])
    };
    let mut events: Vec<Value> = (0..700).map(|n| tagged(n).sign()).collect();
    events.push(
        event(0)
            .by("bob")
            .at(1_600_000_000)
            .content("\u{0}\u{1f} \"é")
            .sign(),
    );
    import(&database, &[], &lines(&events));

    let stored = export(&database, &[]);
    assert_eq!(
        ids(&stored),
        events.iter().map(id).collect::<Vec<_>>(),
        "as they were stored"
    );
    let parsed: Vec<Value> = stored
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(parsed, events);

    let mut newest = events.clone();
    newest.sort_by_key(|event| (std::cmp::Reverse(event["created_at"].as_u64()), id(event)));
    let newest: Vec<String> = newest.iter().map(id).collect();
    assert_eq!(ids(&export(&database, &["--newest-first"])), newest);
    assert_eq!(
        ids(&export(&database, &["--newest-first", "--filter", "{}"])),
        newest
    );

    let of = |keep: &dyn Fn(&Value) -> bool| {
        events
            .iter()
            .filter(|event| keep(event))
            .map(id)
            .collect::<Vec<_>>()
    };
    let x = of(&|event| event["tags"][0][1] == "x");
    assert!(x.len() > 200, "more than one page of a REQ");
    assert_eq!(ids(&export(&database, &["--filter", r##"{"#t":["x"]}"##])), x);
    let bob = format!(r#"{{"authors":["{}"]}}"#, Keys::of("bob").pubkey());
    let both = of(&|event| event["tags"][0][1] == "x" || event["kind"] == 0);
    let filters = [
        "--filter",
        r##"{"#t":["x"]}"##,
        "--filter",
        &bob,
        "--filter",
        r#"{"kinds":[0]}"#,
    ];
    assert_eq!(ids(&export(&database, &filters)), both, "each once");
    assert_eq!(
        ids(&export(
            &database,
            &["--newest-first", "--filter", r#"{"limit":10}"#]
        )),
        newest[..10]
    );
    let one = format!(r#"{{"ids":["{}"]}}"#, newest[5]);
    assert_eq!(ids(&export(&database, &["--filter", &one])), newest[5..6]);
    assert_eq!(export(&database, &["--filter", r#"{"kinds":[]}"#]), [""; 0]);
}

#[tokio::test]
async fn an_import_that_was_killed_goes_on_where_it_was() {
    let database = TestDatabase::create().await;
    let events: Vec<Value> = (0..1500).map(|n| note(&n.to_string()).sign()).collect();
    let (before, after) = events.split_at(1000);
    let mut child = start(&database, &["import"]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(lines(before).as_bytes()).unwrap();
    // The pipe is open: it has not come to its end when it is killed.
    while export(&database, &[]).len() < 256 {
        tokio::task::yield_now().await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let stored = export(&database, &[]).len();
    assert!((256..=1000).contains(&stored), "{stored}");
    let output = import(&database, &[], &lines(&[before, after].concat()));
    // Postgres may have been at a commit of the one that was killed.
    let last_commit = (stored..=1000).map(|known| {
        let (new, known) = (format!("stored {}", 1500 - known), format!("duplicate {known}"));
        [
            "lines 1500".to_owned(),
            new,
            known,
            "replaced 0".to_owned(),
            "refused 0".to_owned(),
        ]
    });
    let counts = counts(&output);
    assert!(
        last_commit.into_iter().any(|expected| counts == expected),
        "{counts:?}"
    );
}

#[tokio::test]
async fn an_import_waits_for_postgres() {
    let database = TestDatabase::create().await;
    let events: Vec<Value> = (0..600).map(|n| note(&n.to_string()).sign()).collect();
    let mut child = start(&database, &["import"]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(lines(&events[..300]).as_bytes()).unwrap();
    while export(&database, &[]).is_empty() {
        tokio::task::yield_now().await;
    }
    database.shut().await;
    stdin.write_all(lines(&events[300..]).as_bytes()).unwrap();
    drop(stdin);
    let mut errors = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("trying again") {
        line.clear();
        assert!(
            std::io::BufRead::read_line(&mut errors, &mut line).unwrap() > 0,
            "it ended"
        );
    }
    database.open().await;
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(counts(&output)[..2], ["lines 600", "stored 600"]);
}

#[tokio::test]
async fn imported_events_are_found_by_clients_at_once() {
    let stack = Stack::start().await;
    let mut client = stack.client().await;
    assert!(client.req("before", &[json!({"kinds": [1]})]).await.is_empty());
    let events: Vec<Value> = (0..20)
        .map(|n| note(&n.to_string()).at(1_700_000_000 + n).sign())
        .collect();
    import(&stack.database, &[], &lines(&events));
    let found = client.req("after", &[json!({"kinds": [1]})]).await;
    assert_eq!(found, events.into_iter().rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_reader_that_has_enough_ends_an_export_quietly() {
    let database = TestDatabase::create().await;
    let events: Vec<Value> = (0..2000)
        .map(|n| note(&format!("{n}{}", "x".repeat(500))).sign())
        .collect();
    import(&database, &[], &lines(&events));
    let output = shell(&database, Path::new("."), "worker export | head -n 3");
    assert!(output.status.success());
    assert_eq!(text(&output.stdout).lines().count(), 3);
    assert!(!text(&output.stderr).contains("rror"), "{output:?}");
}

/// Runs a script where `worker` and what lies in `folder` are commands.
fn shell(database: &TestDatabase, folder: &Path, script: &str) -> Output {
    let worker = command("worker", database);
    let binaries = Path::new(worker.get_program()).parent().unwrap();
    let path = format!("{}:{}:/usr/bin:/bin", folder.display(), binaries.display());
    let mut shell = Command::new("bash");
    shell
        .args(["-euo", "pipefail", "-c", script])
        .current_dir(folder)
        .env_clear();
    shell.envs(worker.get_envs().filter_map(|(key, value)| Some((key, value?))));
    shell.env("PATH", path).output().unwrap()
}

#[tokio::test]
async fn every_command_of_the_page_works() {
    let page = include_str!("../../docs/import-export.md");
    let scripts = page
        .split("```sh\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    let (database, folder) = (TestDatabase::create().await, Folder::new());
    let tagged = |n: u64| {
        event([0, 1, 30_023][n as usize % 3])
            .at(1_700_000_000 + n)
            .tag(["t", "nostr"])
            .tag(["d", "x"])
    };
    let events: Vec<Value> = (0..30)
        .map(|n| tagged(n).content(&n.to_string()).sign())
        .collect();
    import(&database, &[], &lines(&events));
    // In the place of strfry: its export has other events, and its import wants an object a line.
    let theirs = note("of strfry").sign();
    std::fs::write(
        folder.0.join("theirs.jsonl"),
        lines(std::slice::from_ref(&theirs)),
    )
    .unwrap();
    let strfry = "#!/bin/sh\ncase $1 in export) cat theirs.jsonl ;; import) cat > to-strfry.jsonl ;; esac\n";
    std::fs::write(folder.0.join("strfry"), strfry).unwrap();
    let made = Command::new("chmod")
        .arg("+x")
        .arg(folder.0.join("strfry"))
        .status()
        .unwrap();
    assert!(made.success());
    let mut commands = 0;
    for line in scripts.flat_map(str::lines) {
        let output = shell(&database, &folder.0, line);
        assert!(output.status.success(), "{line}: {}", text(&output.stderr));
        commands += 1;
    }
    assert_eq!(commands, 11, "as many as the page has");
    let written = |name: &str| -> Vec<String> {
        let text = std::fs::read_to_string(folder.0.join(name)).unwrap();
        text.lines().map(str::to_owned).collect()
    };
    assert_eq!(written("profiles.jsonl").len(), 1);
    assert!(ids(&written("to-strfry.jsonl")).contains(&id(&theirs)));
    assert_eq!(written("to-strfry.jsonl"), export(&database, &[]));
}
