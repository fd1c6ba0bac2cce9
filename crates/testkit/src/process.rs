//! One real process: started, watched, stopped and killed.

use std::{
    collections::BTreeMap,
    fs::File,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Mutex,
    time::Duration,
};

use nix::{
    sys::{
        signal::{Signal, kill},
        wait::{Id, WaitPidFlag, waitid},
    },
    unistd::Pid,
};
use rand::Rng;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

use crate::{
    TestDatabase,
    services::{random_name, top},
};

/// How long it may take to be ready, and to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process of ours. It is killed when the test ends.
#[derive(Debug)]
pub struct Process {
    name: String,
    binary: PathBuf,
    environment: BTreeMap<String, String>,
    child: Child,
    log: PathBuf,
    /// `127.0.0.1:<port>` of its health pages.
    pub health: String,
}

impl Process {
    pub(crate) fn spawn(name: &str, environment: BTreeMap<String, String>, health: String) -> Self {
        let binary = binary(name);
        let logs = top().join(".data/test/logs");
        std::fs::create_dir_all(&logs).expect("a folder for logs");
        let log = logs.join(format!("{name}-{}.log", random_name()));
        let child = launch(&binary, &environment, &log);
        Self {
            name: name.to_owned(),
            binary,
            environment,
            child,
            log,
            health,
        }
    }

    /// The same binary with the same settings, for a command of its own.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .env_clear()
            .envs(&self.environment)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null());
        command
    }

    /// Waits until it can do its work.
    pub async fn ready(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("its status") {
                panic!("{} ended with {status}:\n{}", self.name, self.log());
            }
            if get(&self.health, "/health/ready")
                .await
                .is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} is not ready:\n{}", self.name, self.log());
    }

    /// Its metrics.
    pub async fn metrics(&self) -> String {
        get(&self.health, "/metrics").await.expect("metrics")
    }

    /// One of them: its name, with its labels as they are written there. Zero until it is counted.
    pub async fn metric(&self, name: &str) -> f64 {
        let metrics = self.metrics().await;
        let value = metrics
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().expect("a number"))
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.child.wait().expect("it ends");
    }

    /// Stops it where it is, without a chance to clean up: it holds its jobs and is silent.
    pub fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// After [`Self::freeze`]: it goes on.
    pub fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// Asks it to end, and waits for it.
    pub async fn terminate(&mut self) {
        self.signal(Signal::SIGTERM);
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("its status") {
                assert!(
                    status.success(),
                    "{} ended with {status}:\n{}",
                    self.name,
                    self.log()
                );
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} does not end:\n{}", self.name, self.log());
    }

    /// Starts it again after its end.
    pub async fn restart(&mut self) {
        self.child = launch(&self.binary, &self.environment, &self.log);
        self.ready().await;
    }

    /// Another setting from its next start on.
    pub fn set(&mut self, key: &str, value: impl std::fmt::Display) {
        self.environment
            .insert(format!("SWITCHYARD_{key}"), value.to_string());
    }

    /// Starts it again with a clock that differs by so much, `+3600s`, and that can be set while it runs. What measures time that passes
    /// stays as it is.
    pub async fn restart_with_clock(&mut self, offset: &str) {
        self.set_clock(offset);
        let (library, clock) = (faketime(), self.clock());
        for (key, value) in [
            ("LD_PRELOAD", library.to_str().expect("a path of letters")),
            (
                "FAKETIME_TIMESTAMP_FILE",
                clock.to_str().expect("a path of letters"),
            ),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ] {
            self.environment.insert(key.to_owned(), value.to_owned());
        }
        self.restart().await;
    }

    /// After [`Self::restart_with_clock`]: its clock jumps.
    pub fn set_clock(&self, offset: &str) {
        // In one step: it is read all the time.
        let (new, clock) = (self.log.with_extension("new-clock"), self.clock());
        std::fs::write(&new, offset).expect("a file for its clock");
        std::fs::rename(&new, &clock).expect("a file for its clock");
    }

    fn clock(&self) -> PathBuf {
        self.log.with_extension("clock")
    }

    /// The most memory that it has had so far, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        1024 * kilobytes.expect("its peak")
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn signal(&self, signal: Signal) {
        send(&self.child, signal);
    }
}

/// A signal to a process of ours. One that stops it reaches its threads one by one, and they work until then: this waits for the last.
pub(crate) fn send(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    kill(pid, signal).expect("the process is there");
    if signal == Signal::SIGSTOP {
        // Its status stays for whoever waits for its end.
        let stopped = WaitPidFlag::WSTOPPED | WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        waitid(Id::Pid(pid), stopped).expect("it is ours");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _status = self.child.wait();
        std::fs::remove_file(self.clock()).ok();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            let tail: Vec<&str> = tail.into_iter().rev().collect();
            std::io::Write::write_all(
                &mut std::io::stderr(),
                format!("--- the last of {}\n{}\n", self.name, tail.join("\n")).as_bytes(),
            )
            .ok();
        } else {
            std::fs::remove_file(&self.log).ok();
        }
    }
}

/// A command of ours on a database, with nothing of the surroundings. Namespace and Redis are not its business.
pub fn command(name: &str, database: &TestDatabase) -> Command {
    let mut command = Command::new(binary(name));
    command
        .env_clear()
        .env("DATABASE_URL", &database.url)
        .env("NO_COLOR", "1");
    command
}

fn launch(binary: &PathBuf, environment: &BTreeMap<String, String>, log: &PathBuf) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(log)
        .expect("a log");
    let mut command = Command::new(binary);
    // Nothing of the surroundings but what is given, and where programs are.
    command
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .envs(environment)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null());
    command.stdout(log.try_clone().expect("a log")).stderr(log);
    command
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}; run `cargo build --bins`", binary.display()))
}

/// The library that gives a process another time.
fn faketime() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").expect("/usr/lib");
    folders
        .flatten()
        .map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.is_file())
        .expect("libfaketime is installed: scripts/services install test")
}

/// The folder of our binaries.
pub fn binaries() -> PathBuf {
    let mut folder = binary("relay-ws");
    folder.pop();
    folder
}

/// Beside the test's own executable, in the target folder's profile.
fn binary(name: &str) -> PathBuf {
    let mut path = std::env::current_exe().expect("a test has a path");
    while path.pop() {
        let binary = path.join(name);
        if binary.is_file() {
            return binary;
        }
    }
    panic!("{name} is not built: run `cargo build --bins` first");
}

/// An address of 127.0.0.1 that nobody listens on.
///
/// Not one of those that the system gives to outgoing connections: such a connection could take it before the process
/// listens, or while it is restarted. And for the life of this test none that another test was given.
pub fn free_address() -> String {
    static TAKEN: Mutex<Vec<File>> = Mutex::new(Vec::new());
    let folder = top().join(".data/test/ports");
    std::fs::create_dir_all(&folder).expect("a folder for the locks of ports");
    let mut random = rand::rng();
    for _ in 0..1000 {
        let port = random.random_range(20_000..32_000);
        let lock = File::create(folder.join(port.to_string())).expect("a lock file");
        if lock.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            TAKEN.lock().expect("nobody panics with it").push(lock);
            return format!("127.0.0.1:{port}");
        }
    }
    panic!("there is no free port");
}

async fn get(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}
