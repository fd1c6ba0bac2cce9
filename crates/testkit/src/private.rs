//! A Redis and a Postgres of one's own, for tests that stop them.

use std::{
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, Uid, User},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep},
};

use crate::{
    process::{self, free_address},
    services::{random_name, top},
};

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that belongs to one test. Killed, and its data deleted, when the test ends.
#[derive(Debug)]
struct Server {
    child: Child,
    folder: PathBuf,
    address: String,
}

impl Server {
    fn signal(&self, signal: Signal) {
        process::send(&self.child, signal);
    }

    fn end(&mut self, signal: Signal) {
        self.signal(signal);
        self.child.wait().expect("it ends");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _status = self.child.wait();
        let _deleted = std::fs::remove_dir_all(&self.folder);
    }
}

/// A Redis that keeps an append-only file.
#[derive(Debug)]
pub struct PrivateRedis(Server);

impl PrivateRedis {
    /// Starts it.
    pub async fn start() -> Self {
        let folder = top().join(".data/test").join(format!("redis-{}", random_name()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let address = free_address();
        let child = launch_redis(&folder, &address);
        let redis = Self(Server {
            child,
            folder,
            address,
        });
        redis.answers().await;
        redis
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("redis://{}", self.0.address)
    }

    /// Stops it as an operator does: everything is written.
    pub fn stop(&mut self) {
        self.0.end(Signal::SIGTERM);
    }

    /// Starts it again, on the same port, with what it had.
    pub async fn start_again(&mut self) {
        self.0.child = launch_redis(&self.0.folder, &self.0.address);
        self.answers().await;
    }

    /// Starts it again with nothing.
    pub async fn start_empty(&mut self) {
        std::fs::remove_dir_all(&self.0.folder).expect("its data can be deleted");
        std::fs::create_dir_all(&self.0.folder).expect("a folder");
        self.start_again().await;
    }

    /// It is there and does nothing.
    pub fn freeze(&self) {
        self.0.signal(Signal::SIGSTOP);
    }

    /// After [`Self::freeze`]: it goes on.
    pub fn thaw(&self) {
        self.0.signal(Signal::SIGCONT);
    }

    /// Runs a command, which Redis has to take: a word may hold spaces. The answer as it comes on the wire.
    pub async fn order(&self, words: &[&str]) -> String {
        let answer = tokio::time::timeout(PATIENCE, self.try_order(words)).await;
        let answer = answer.expect("Redis answers in time").expect("Redis answers");
        assert!(!answer.starts_with('-'), "{words:?}: {answer}");
        answer
    }

    /// The same where the answer is a number.
    pub async fn number(&self, words: &[&str]) -> u64 {
        let answer = self.order(words).await;
        let number = answer.trim().strip_prefix(':').expect("a number");
        number.parse().expect("a number")
    }

    /// What it has logged since it was made.
    pub fn log(&self) -> String {
        std::fs::read_to_string(log_of(&self.0.folder)).expect("its log")
    }

    async fn try_order(&self, words: &[&str]) -> Option<String> {
        let mut stream = TcpStream::connect(&self.0.address).await.ok()?;
        let request = [in_resp(words), in_resp(&["QUIT"])].concat();
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        Some(answer.strip_suffix("+OK\r\n").unwrap_or(&answer).to_owned())
    }

    async fn answers(&self) {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let pong = self.try_order(&["PING"]).await;
            if pong.is_some_and(|answer| answer.starts_with("+PONG")) {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("Redis does not answer, see {}", self.0.folder.display());
    }
}

/// A command as Redis reads it: each word with its length, so that it may be anything.
fn in_resp(words: &[&str]) -> String {
    let words_in_resp = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
    format!("*{}\r\n{}", words.len(), words_in_resp.collect::<String>())
}

fn log_of(folder: &Path) -> PathBuf {
    folder.with_extension("log")
}

fn launch_redis(folder: &Path, address: &str) -> Child {
    let (host, port) = address.split_once(':').expect("an address and a port");
    let mut command = Command::new("redis-server");
    command.args([
        "--bind",
        host,
        "--port",
        port,
        "--save",
        "",
        "--appendonly",
        "yes",
    ]);
    command
        .args(["--maxmemory-policy", "noeviction", "--dir"])
        .arg(folder);
    quietly(&mut command, &log_of(folder))
}

/// A Postgres cluster whose database has the schema.
#[derive(Debug)]
pub struct PrivatePostgres(Server);

impl PrivatePostgres {
    /// Makes a cluster and starts it.
    pub async fn start() -> Self {
        // Where the user that Postgres has to run as may go: not below root's home.
        let folder = std::env::temp_dir().join(format!("switchyard-postgres-{}", random_name()));
        std::fs::create_dir_all(&folder).expect("a folder");
        if let Some(user) = postgres_user() {
            chown(&folder, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
                .expect("the folder is given away");
        }
        let mut initdb = as_postgres("initdb");
        // Small WAL segments: what a full disk is put on for has to be larger.
        initdb.arg("--wal-segsize=1");
        initdb.args([
            "-U",
            "switchyard",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
            "-D",
        ]);
        let made = initdb.arg(folder.join("data")).stdout(Stdio::null()).status();
        assert!(made.expect("initdb runs").success(), "initdb fails");
        let address = free_address();
        let child = launch_postgres(&folder, &address);
        let postgres = Self(Server {
            child,
            folder,
            address,
        });
        postgres.answers().await;
        crate::database::migrate(&postgres.url()).await;
        postgres
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("postgres://switchyard@{}/postgres", self.0.address)
    }

    /// `pg_ctl stop -m immediate`: as if the power failed.
    pub fn stop_at_once(&mut self) {
        self.0.end(Signal::SIGQUIT);
    }

    /// It is there and does nothing, the processes of its connections included.
    pub fn freeze(&self) {
        self.signal_all(Signal::SIGSTOP);
    }

    /// After [`Self::freeze`]: it goes on.
    pub fn thaw(&self) {
        self.signal_all(Signal::SIGCONT);
    }

    fn signal_all(&self, signal: Signal) {
        // The postmaster first: it starts no other then.
        self.0.signal(signal);
        for child in children(self.0.child.id()) {
            send(child, signal);
        }
    }

    /// Runs SQL in the database.
    pub async fn run(&self, sql: &str) {
        crate::database::run_at(&self.url(), sql).await;
    }

    /// Runs SQL in a transaction that stays open: it ends when what is returned is dropped.
    pub async fn hold(&self, sql: &str) -> impl Sized + use<> {
        crate::database::hold_at(&self.url(), sql).await
    }

    /// From now on tables cannot grow beyond a megabyte, or can again. (A disk that is full, without the privileges it takes to make
    /// one: Postgres gets an error from the same calls.)
    pub fn set_disk_full(&self, is_full: bool) {
        // The soft limit only, as the same user: that takes no privileges.
        let limit = if is_full {
            "--fsize=1100000:"
        } else {
            "--fsize=unlimited:"
        };
        let postmaster = self.0.child.id();
        for pid in children(postmaster).into_iter().chain([postmaster]) {
            let mut command = postgres_command("prlimit".into());
            let set = command
                .args(["--pid", &pid.to_string(), limit])
                .status()
                .expect("prlimit is there");
            // A child may have ended meanwhile.
            assert!(set.success() || pid != postmaster, "prlimit fails");
        }
    }

    /// Starts it again, on the same port.
    pub async fn start_again(&mut self) {
        self.0.child = launch_postgres(&self.0.folder, &self.0.address);
        self.answers().await;
    }

    async fn answers(&self) {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if <sqlx::PgConnection as sqlx::Connection>::connect(&self.url())
                .await
                .is_ok()
            {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
        panic!("Postgres does not answer, see {}", self.0.folder.display());
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        // Who is frozen would not notice that the server is gone.
        for child in children(self.0.child.id()) {
            send(child, Signal::SIGCONT);
        }
    }
}

/// To a process that may have ended meanwhile.
fn send(pid: u32, signal: Signal) {
    let _sent = kill(Pid::from_raw(i32::try_from(pid).expect("a pid")), signal);
}

/// None when it has ended.
fn children(parent: u32) -> Vec<u32> {
    let children =
        std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    children
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

fn launch_postgres(folder: &Path, address: &str) -> Child {
    let (host, port) = address.split_once(':').expect("an address and a port");
    let mut command = as_postgres("postgres");
    command.args(["-h", host, "-p", port, "-c", "unix_socket_directories=", "-D"]);
    command.arg(folder.join("data"));
    quietly(&mut command, &folder.join("log"))
}

/// Postgres refuses to be root: then it is the user that Debian made for it.
fn postgres_user() -> Option<User> {
    let user = || {
        User::from_name("postgres")
            .ok()
            .flatten()
            .expect("the user postgres")
    };
    Uid::effective().is_root().then(user)
}

fn as_postgres(tool: &str) -> Command {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| {
            versions
                .flatten()
                .map(|version| version.path().join("bin"))
                .collect()
        })
        .unwrap_or_default();
    versions.sort();
    let debian = versions
        .into_iter()
        .map(|bin| bin.join(tool))
        .rfind(|tool| tool.is_file());
    postgres_command(debian.unwrap_or_else(|| tool.into()))
}

fn postgres_command(program: PathBuf) -> Command {
    let mut command = Command::new(program);
    if let Some(user) = postgres_user() {
        command
            .uid(user.uid.as_raw())
            .gid(user.gid.as_raw())
            .current_dir("/");
    }
    command
}

fn quietly(command: &mut Command, log: &Path) -> Child {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(log)
        .expect("a log");
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a log"))
        .stderr(log);
    command
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"))
}
