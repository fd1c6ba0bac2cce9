//! One child process: started, asked, watched, and started again when it fails.

use std::{
    collections::VecDeque,
    io,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use nix::{sys::signal::Signal, unistd::Pid};
use parking_lot::Mutex;
use protocol::EventId;
use tokio::{
    io::{AsyncRead, AsyncWriteExt, BufReader},
    process::{ChildStdin, ChildStdout, Command},
    sync::{Semaphore, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{Question, lines::Lines, message};
use crate::{metrics, write_policy::Verdict};

/// The first pause before a child that failed is started again; each further one is twice as long, up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Failures without an answer in between after which nobody waits for it any more.
const HOPELESS: u32 = 3;

/// How often a child is looked after.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long a child may take to end when it is asked to.
const FAREWELL: Duration = Duration::from_secs(2);

/// What a child must not learn: where our data are, and our keys.
const PRIVATE: [&str; 3] = ["REDIS_URL", "DATABASE_URL", "SENTRY_DSN"];
const PRIVATE_PREFIX: &str = "SWITCHYARD_";

/// One place for a child process.
pub(super) struct Child {
    /// Which one.
    pub number: usize,
    /// For `sh -c`.
    pub command: String,
    /// Questions that it may have at a time.
    pub in_flight: usize,
    /// How long it may be silent while it has questions.
    pub patience: Duration,
    pub questions: async_channel::Receiver<Question>,
    pub down: Arc<AtomicUsize>,
    pub stop: CancellationToken,
}

/// Why a child is no use.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("it could not be started")]
    Start(#[source] io::Error),
    #[error("it cannot be written to")]
    Write(#[source] io::Error),
    #[error("it cannot be read from")]
    Read(#[source] io::Error),
    #[error("it ended")]
    Ended,
    #[error("it did not answer in time")]
    Silent,
}

/// Why a child is not needed any more.
enum Leave {
    /// The process ends.
    Stop,
    /// Its script is another one now.
    Changed,
}

/// What a child has been asked, oldest first.
struct Asked {
    waiting: Mutex<Waiting>,
    /// One for each question that it may still be asked.
    free: Semaphore,
}

struct Waiting {
    questions: VecDeque<(EventId, oneshot::Sender<Verdict>)>,
    /// When it was asked or answered last.
    progress: Instant,
    answers: u64,
}

impl Child {
    /// Until the process ends.
    pub async fn keep(self) {
        let mut failures = 0;
        loop {
            let asked = Asked::new(self.in_flight);
            match self.run(&asked).await {
                Ok(Leave::Stop) => return,
                Ok(Leave::Changed) => info!(
                    child = self.number,
                    "the write policy has changed: it is started again"
                ),
                Err(error) => {
                    failures = if asked.waiting.lock().answers > 0 {
                        1
                    } else {
                        failures + 1
                    };
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    warn!(child = self.number, %error, source, failures, "the write policy failed: it is started again");
                    metrics::write_policy_failed();
                    // Those who wait for this child are told so before it pauses.
                    drop(asked);
                    if !self.pause(failures).await {
                        return;
                    }
                }
            }
        }
    }

    /// Whether to go on.
    async fn pause(&self, failures: u32) -> bool {
        let is_hopeless = failures >= HOPELESS;
        if is_hopeless {
            self.down.fetch_add(1, Ordering::Relaxed);
        }
        let goes_on = tokio::select! {
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(pause_after(failures)) => true,
        };
        if is_hopeless {
            self.down.fetch_sub(1, Ordering::Relaxed);
        }
        goes_on
    }

    async fn run(&self, asked: &Asked) -> Result<Leave, Failure> {
        let modified = self.modified();
        let mut process = self.spawn().map_err(Failure::Start)?;
        let group = process.id();
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (process.stdin.take(), process.stdout.take(), process.stderr.take())
        else {
            return Err(Failure::Ended);
        };
        tokio::spawn(log(self.number, stderr));
        let mut answers = Lines::new(BufReader::new(stdout));
        let retire = CancellationToken::new();
        // On one task, so that a child that writes before it reads cannot hold up what it waits for.
        let mut ended = tokio::select! {
            () = self.stop.cancelled() => Ok(Leave::Stop),
            ended = self.write(&mut stdin, asked, &retire) => ended,
            failure = read(&mut answers, asked) => Err(failure),
            failure = self.watch(asked, modified, &retire) => Err(failure),
        };
        if let Ok(Leave::Changed) = ended {
            // It may finish what it was asked.
            ended = tokio::select! {
                () = asked.is_done() => ended,
                failure = read(&mut answers, asked) => Err(failure),
                () = tokio::time::sleep(self.patience) => Err(Failure::Silent),
            };
        }
        drop((stdin, answers));
        end(&mut process, group).await;
        ended
    }

    fn spawn(&self) -> io::Result<tokio::process::Child> {
        let mut command = Command::new("sh");
        command
            .args(["-c", &self.command])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own: what the shell starts ends with it.
            .process_group(0)
            .kill_on_drop(true);
        for (name, _) in std::env::vars_os() {
            let is_private = name
                .to_str()
                .is_some_and(|name| PRIVATE.contains(&name) || name.starts_with(PRIVATE_PREFIX));
            if is_private {
                command.env_remove(name);
            }
        }
        command.spawn()
    }

    /// When the script was changed last. A command with arguments is no path.
    fn modified(&self) -> Option<SystemTime> {
        let is_path = !self.command.contains(' ');
        is_path
            .then(|| {
                std::fs::metadata(&self.command)
                    .and_then(|file| file.modified())
                    .ok()
            })
            .flatten()
    }

    async fn write(
        &self,
        stdin: &mut ChildStdin,
        asked: &Asked,
        retire: &CancellationToken,
    ) -> Result<Leave, Failure> {
        loop {
            // First a free place, then a question: one that waits can still be taken by another child.
            let Ok(place) = asked.free.acquire().await else {
                return Ok(Leave::Stop);
            };
            let question = tokio::select! {
                () = retire.cancelled() => return Ok(Leave::Changed),
                question = self.questions.recv() => question,
            };
            let Ok(question) = question else {
                return Ok(Leave::Stop);
            };
            if question.done.is_closed() {
                // Nobody waits for it any more.
                continue;
            }
            place.forget();
            asked.ask(question.id, question.done);
            stdin
                .write_all(question.line.as_bytes())
                .await
                .map_err(Failure::Write)?;
        }
    }

    async fn watch(
        &self,
        asked: &Asked,
        modified: Option<SystemTime>,
        retire: &CancellationToken,
    ) -> Failure {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        loop {
            ticks.tick().await;
            if asked.is_silent(self.patience) {
                return Failure::Silent;
            }
            // While it is being written anew it may be away for a moment.
            let now = self.modified();
            if now.is_some() && now != modified {
                retire.cancel();
            }
        }
    }
}

impl Asked {
    fn new(in_flight: usize) -> Self {
        Self {
            waiting: Mutex::new(Waiting {
                questions: VecDeque::new(),
                progress: Instant::now(),
                answers: 0,
            }),
            free: Semaphore::new(in_flight),
        }
    }

    fn ask(&self, id: EventId, done: oneshot::Sender<Verdict>) {
        let mut waiting = self.waiting.lock();
        if waiting.questions.is_empty() {
            waiting.progress = Instant::now();
        }
        waiting.questions.push_back((id, done));
    }

    /// Whether somebody had asked this.
    fn answer(&self, id: EventId, verdict: Option<Verdict>) -> bool {
        let mut waiting = self.waiting.lock();
        let Some(at) = waiting.questions.iter().position(|(asked, _)| *asked == id) else {
            return false;
        };
        let done = waiting.questions.remove(at);
        waiting.progress = Instant::now();
        waiting.answers += 1;
        drop(waiting);
        self.free.add_permits(1);
        // Without a verdict it is dropped: who waits takes it for a failure. Or nobody waits any more.
        if let (Some((_, done)), Some(verdict)) = (done, verdict) {
            let _given_up = done.send(verdict);
        }
        true
    }

    fn is_silent(&self, patience: Duration) -> bool {
        let waiting = self.waiting.lock();
        !waiting.questions.is_empty() && waiting.progress.elapsed() > patience
    }

    async fn is_done(&self) {
        while !self.waiting.lock().questions.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn read(answers: &mut Lines<BufReader<ChildStdout>>, asked: &Asked) -> Failure {
    loop {
        let line = match answers.next().await {
            Ok(Some(line)) => line,
            Ok(None) => return Failure::Ended,
            Err(error) => return Failure::Read(error),
        };
        match message::answer(&line) {
            Ok((id, verdict)) => {
                let is_known = verdict.is_some();
                if !asked.answer(id, verdict) || !is_known {
                    warn!(event = %id, "the write policy said something odd of an event");
                }
            }
            // Not shown: it may be an event.
            Err(error) => warn!(%error, "the write policy wrote a line that is no answer"),
        }
    }
}

/// What it writes for people.
async fn log(child: usize, stderr: impl AsyncRead + Unpin) {
    let mut lines = Lines::new(BufReader::new(stderr));
    while let Ok(Some(line)) = lines.next().await {
        info!(child, text = %String::from_utf8_lossy(&line), "the write policy says");
    }
}

/// Its end of the pipe is closed: that is enough for most. The others are asked, then made to.
async fn end(process: &mut tokio::process::Child, group: Option<u32>) {
    let Some(group) = group.and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw) else {
        return;
    };
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        // There may be nobody left.
        let _gone = nix::sys::signal::killpg(group, signal);
        match tokio::time::timeout(FAREWELL, process.wait()).await {
            Ok(status) => return debug!(?status, "the write policy ended"),
            Err(_) => debug!("the write policy does not end"),
        }
    }
}

fn pause_after(failures: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)))
        .min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest() {
        let pauses: Vec<u128> = [1, 2, 3, 9, 10, 100].map(|n| pause_after(n).as_millis()).into();
        assert_eq!(pauses, [100, 200, 400, 25_600, 30_000, 30_000]);
    }
}
