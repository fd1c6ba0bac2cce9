//! `make run` but for the build: a Redis, a Postgres and our processes from nothing, and what it does when one of them ends.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::json;
use testkit::{Client, Load, binaries, free_address, note, request};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep},
};

/// Longest wait for the servers, the processes and their end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A checkout with nothing but the scripts: its data are its own.
struct Checkout {
    top: PathBuf,
    script: Child,
    relay: String,
    admin: String,
}

impl Checkout {
    fn new() -> Self {
        let top = std::env::temp_dir().join(format!("switchyard-run-{}", std::process::id()));
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts");
        std::fs::create_dir_all(&top).unwrap();
        let copied = Command::new("cp").arg("-r").arg(scripts).arg(&top).status();
        assert!(copied.unwrap().success());
        let (relay, admin) = (free_address(), free_address());
        let script = launch(&top, &relay, &admin);
        Self {
            top,
            script,
            relay,
            admin,
        }
    }

    fn url(&self) -> String {
        format!("ws://{}", self.relay)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.top.join("log")).unwrap()
    }

    /// Waits until it has said so, so many times since the checkout was made.
    async fn says(&mut self, text: &str, times: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.log().matches(text).count() < times {
            let ended = self.script.try_wait().unwrap();
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "{ended:?} {}",
                self.log()
            );
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// The processes that it has started and that live.
    fn processes(&self, name: &str) -> Vec<Pid> {
        let script = self.script.id();
        let children = std::fs::read_to_string(format!("/proc/{script}/task/{script}/children")).unwrap();
        children
            .split_whitespace()
            .filter(|pid| {
                std::fs::read_link(format!("/proc/{pid}/exe"))
                    .is_ok_and(|program| program == binaries().join(name))
            })
            .map(|pid| Pid::from_raw(pid.parse().unwrap()))
            .collect()
    }

    fn kill_all(&self, name: &str) {
        let processes = self.processes(name);
        assert!(!processes.is_empty(), "{name} runs");
        for process in processes {
            kill(process, Signal::SIGKILL).unwrap();
        }
    }

    fn interrupted(&self) -> nix::Result<()> {
        let script = Pid::from_raw(self.script.id().try_into().unwrap());
        kill(script, Signal::SIGINT)
    }

    /// Ctrl-C, and what it leaves behind.
    async fn interrupt(&mut self) {
        self.interrupted().unwrap();
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.script.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "{}", self.log());
            sleep(Duration::from_millis(20)).await;
        };
        assert!(status.success(), "{status} {}", self.log());
        for address in [
            self.relay.clone(),
            self.admin.clone(),
            self.server("redis"),
            self.server("postgres"),
        ] {
            assert!(TcpStream::connect(&address).await.is_err(), "{address} is gone");
        }
    }

    /// The URL of its database, as `scripts/services` has written it.
    fn postgres(&self) -> String {
        let settings = std::fs::read_to_string(self.top.join(".data/run/env")).unwrap();
        let url = settings
            .lines()
            .find_map(|line| line.strip_prefix("DATABASE_URL="));
        url.unwrap().to_owned()
    }

    fn server(&self, name: &str) -> String {
        let port = std::fs::read_to_string(self.top.join(format!(".data/run/{name}.port"))).unwrap();
        format!("127.0.0.1:{port}")
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::io::stderr().write_all(self.log().as_bytes()).ok();
        }
        if let Ok(None) = self.script.try_wait() {
            let _told = self.interrupted();
            let _status = self.script.wait();
        }
        let _deleted = own(&self.top, "services").args(["delete", "run"]).status();
        let _gone = std::fs::remove_dir_all(&self.top);
    }
}

/// A script of that checkout, with nothing of the surroundings: not the Redis and Postgres of the other tests either.
fn own(top: &Path, script: &str) -> Command {
    let mut command = Command::new(top.join("scripts").join(script));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .stdin(Stdio::null());
    command
}

fn launch(top: &Path, relay: &str, admin: &str) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(top.join("log"))
        .unwrap();
    own(top, "run")
        .arg(binaries())
        .env("SWITCHYARD_WEBSOCKET__LISTEN", relay)
        .env("SWITCHYARD_ADMIN__LISTEN", admin)
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

#[tokio::test]
async fn what_ends_is_started_again_and_the_data_stay() {
    let mut run = Checkout::new();
    run.says("Ctrl-C stops everything", 1).await;
    let mut load = Load::start(&run.url(), "alice").await;
    load.goes_on(50).await;
    run.kill_all("worker");
    run.says("worker-2 has ended and is started again", 1).await;
    load.goes_on(50).await;
    let written = load.settle_at(&run.url(), &run.postgres()).await;
    assert_eq!(written.cut_off, 0, "no client noticed");
    assert_eq!(run.processes("worker").len(), 2, "{}", run.log());

    let mut load = Load::start(&run.url(), "bob").await;
    load.goes_on(50).await;
    run.kill_all("relay-ws");
    run.kill_all("admin");
    run.says("admin has ended and is started again", 1).await;
    load.goes_on(50).await;
    load.settle_at(&run.url(), &run.postgres()).await;

    let event = note("it stays").sign();
    Client::connect(&run.url()).await.accepted(&event).await;
    run.interrupt().await;
    run.script = launch(&run.top, &run.relay, &run.admin);
    run.says("Ctrl-C stops everything", 2).await;
    assert_eq!(request(&run.admin, "GET", "/sign-in", &[], "").await.status, 200);
    let mut client = Client::connect(&run.url()).await;
    assert_eq!(client.req("s", &[json!({"ids": [event["id"]]})]).await, [event]);
    run.interrupt().await;
}
