//! `worker import`: reads events from standard input, checks them on all cores, and stores them in batches.
//!
//! It can be killed at any moment and started again with the same input: what is stored is known by its id, before its
//! signature is checked.

use std::{
    error::Error,
    fs::File,
    io::{self, Read, Seek, Write},
    os::fd::AsFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::StreamExt;
use protocol::{Event, RelayUrl, Rulings, VerifiedEvent};
use runtime::{clock, config::Config};
use store::{SaveOutcome, Store, StoreError};
use tokio::{
    sync::mpsc,
    task::{JoinError, spawn_blocking},
};

use super::{
    lines::{self, Chunk},
    progress::Progress,
    tally::Tally,
};
use crate::{
    examine::{Rules, Unwelcome, verify},
    rulings::in_force,
};

/// How to import.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ImportOptions {
    /// Store every valid event, also what the policy of this relay refuses: for a backup of one's own.
    #[arg(long)]
    pub no_policy: bool,
    /// Tell of every line that is not stored, not only of those that hold no valid event.
    #[arg(long)]
    pub verbose: bool,
}

/// Why an import ended before its input did.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The input broke.
    #[error("could not read the input after line {after_line}")]
    Read {
        /// Everything up to here has been dealt with.
        after_line: u64,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Postgres is away.
    #[error(
        "could not store events; all up to line {after_line} are dealt with: run the same command again to go on"
    )]
    Store {
        /// Everything up to here has been dealt with.
        after_line: u64,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// A check panicked.
    #[error("could not check events")]
    Check(#[source] JoinError),
}

/// Pauses between attempts while Postgres is away, in seconds: a restart takes less than their sum.
const PAUSES: [u64; 6] = [1, 2, 4, 8, 16, 30];

/// Chunks that are checked and wait for their commit.
const CHECKED: usize = 2;

/// What the checks of all chunks share.
struct Importer {
    store: Store,
    urls: Vec<RelayUrl>,
    config: Config,
    /// As they were at the start.
    rulings: Rulings,
    options: ImportOptions,
    /// Whether lately something was known already: then to ask for it is cheaper than to check signatures.
    asks_first: AtomicBool,
}

/// A chunk after its checks.
#[derive(Default)]
struct Checked {
    events: Vec<VerifiedEvent>,
    known: u64,
    unwelcome: Vec<(u64, Unwelcome)>,
    too_long: Vec<u64>,
    line: u64,
    bytes: u64,
}

/// Imports standard input and prints what became of it.
pub async fn import(store: Store, config: Config, options: ImportOptions) -> Result<(), ImportError> {
    let progress = Progress::new("lines", bytes_of_stdin());
    let tally = import_from(io::stdin(), store, config, options, progress).await?;
    // Who has closed standard output does not want to know.
    let _closed = write!(io::stdout().lock(), "{tally}");
    Ok(())
}

/// What there is to read, if standard input is a file.
fn bytes_of_stdin() -> Option<u64> {
    let mut file = File::from(io::stdin().as_fd().try_clone_to_owned().ok()?);
    let metadata = file.metadata().ok()?;
    let position = file.stream_position().ok()?;
    metadata
        .is_file()
        .then(|| metadata.len().saturating_sub(position))
}

async fn import_from(
    input: impl Read + Send + 'static,
    store: Store,
    config: Config,
    options: ImportOptions,
    mut progress: Progress,
) -> Result<Tally, ImportError> {
    let chunks = lines::read(input, config.worker.batch_max);
    let rulings = store.rulings().await;
    let rulings = rulings.map_err(|source| Failed::Store(source).after(0))?;
    let importer = Arc::new(Importer {
        store,
        rulings: in_force(rulings, &config.policy),
        urls: RelayUrl::parse_all(&config.relay.urls),
        config,
        options,
        asks_first: AtomicBool::new(true),
    });
    let mut checked = check_all(Arc::clone(&importer), chunks);
    let mut tally = Tally::default();
    while let Some(chunk) = checked.recv().await {
        let chunk = chunk.map_err(|failed| failed.after(tally.lines))?;
        importer.report(&chunk, &mut tally, &progress);
        let saved = importer.save(&chunk.events, &mut tally, &progress).await;
        saved.map_err(|source| Failed::Store(source).after(tally.lines))?;
        tally.lines = chunk.line;
        progress.reached(chunk.line, chunk.bytes, || {
            let Tally {
                stored,
                duplicate,
                replaced,
                ..
            } = tally;
            let refused = tally.refused();
            format!(": {stored} stored, {duplicate} duplicate, {replaced} replaced, {refused} refused")
        });
    }
    progress.finish(tally.lines);
    Ok(tally)
}

/// What can go wrong with a chunk.
enum Failed {
    Read(io::Error),
    Store(StoreError),
    Check(JoinError),
}

impl Failed {
    fn after(self, after_line: u64) -> ImportError {
        match self {
            Self::Read(source) => ImportError::Read { after_line, source },
            Self::Store(source) => ImportError::Store { after_line, source },
            Self::Check(source) => ImportError::Check(source),
        }
    }
}

/// Checks as many chunks at a time as there are cores; they come out in their order.
fn check_all(
    importer: Arc<Importer>,
    mut chunks: mpsc::Receiver<io::Result<Chunk>>,
) -> mpsc::Receiver<Result<Checked, Failed>> {
    let (sender, checked) = mpsc::channel(CHECKED);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    tokio::spawn(async move {
        let chunks = futures::stream::poll_fn(move |cx| chunks.poll_recv(cx));
        let mut checks = chunks
            .map(|chunk| {
                let importer = Arc::clone(&importer);
                // A task: it goes on while nobody asks for it.
                tokio::spawn(async move { importer.check(chunk.map_err(Failed::Read)?).await })
            })
            .buffered(cores);
        while let Some(chunk) = checks.next().await {
            let chunk = chunk.map_err(Failed::Check).flatten();
            let is_last = chunk.is_err();
            if sender.send(chunk).await.is_err() || is_last {
                return;
            }
        }
    });
    checked
}

impl Importer {
    async fn check(self: Arc<Self>, chunk: Chunk) -> Result<Checked, Failed> {
        let importer = Arc::clone(&self);
        let reading = spawn_blocking(move || importer.read(chunk));
        let (mut checked, events) = reading.await.map_err(Failed::Check)?;
        let events = self.leave_out_known(events, &mut checked).await?;
        let verifying = spawn_blocking(move || {
            for (line, event) in events {
                match verify(event) {
                    Ok(event) => checked.events.push(event),
                    Err(unwelcome) => checked.unwelcome.push((line, unwelcome)),
                }
            }
            checked
        });
        verifying.await.map_err(Failed::Check)
    }

    fn read(&self, chunk: Chunk) -> (Checked, Vec<(u64, Event)>) {
        let rules = Rules {
            policy: (!self.options.no_policy).then_some((&self.config, &self.rulings)),
            urls: &self.urls,
            now: clock::unix_millis() / 1000,
        };
        let longest = if self.options.no_policy {
            lines::LONGEST
        } else {
            self.config.limits.max_message_length
        };
        let mut checked = Checked {
            line: chunk.line,
            bytes: chunk.bytes,
            ..Checked::default()
        };
        let mut events = Vec::with_capacity(chunk.lines.len());
        for (line, text) in chunk.lines {
            match text.filter(|text| text.len() <= longest) {
                None => checked.too_long.push(line),
                Some(text) => match rules.read(&text) {
                    Ok(event) => events.push((line, event)),
                    Err(unwelcome) => checked.unwelcome.push((line, unwelcome)),
                },
            }
        }
        (checked, events)
    }

    /// Without this an import that was killed would check once more what it had stored.
    async fn leave_out_known(
        &self,
        mut events: Vec<(u64, Event)>,
        checked: &mut Checked,
    ) -> Result<Vec<(u64, Event)>, Failed> {
        if !self.asks_first.load(Ordering::Relaxed) {
            return Ok(events);
        }
        let ids: Vec<_> = events.iter().map(|(_, event)| event.id).collect();
        let known = self.store.known(&ids).await.map_err(Failed::Store)?;
        self.asks_first.store(!known.is_empty(), Ordering::Relaxed);
        events.retain(|(_, event)| !known.contains(&event.id));
        checked.known = (ids.len() - events.len()) as u64;
        Ok(events)
    }

    fn report(&self, chunk: &Checked, tally: &mut Tally, progress: &Progress) {
        for line in &chunk.too_long {
            progress.say(format_args!("line {line}: too long"));
            tally.too_long();
        }
        for (line, unwelcome) in &chunk.unwelcome {
            let is_bad = matches!(unwelcome, Unwelcome::Unreadable(_) | Unwelcome::Invalid(_));
            if is_bad || self.options.verbose {
                progress.say(format_args!("line {line}: {unwelcome}"));
            }
            tally.unwelcome(unwelcome);
        }
        tally.duplicate += chunk.known;
    }

    async fn save(
        &self,
        events: &[VerifiedEvent],
        tally: &mut Tally,
        progress: &Progress,
    ) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let outcomes = match self.try_to_save(events, progress).await {
            Err(error) if error.is_about_data() => return self.one_by_one(events, tally, progress).await,
            outcomes => outcomes?,
        };
        if outcomes.contains(&SaveOutcome::Duplicate) {
            self.asks_first.store(true, Ordering::Relaxed);
        }
        outcomes.into_iter().for_each(|outcome| tally.saved(outcome));
        Ok(())
    }

    /// One event that Postgres refuses must not take its neighbours with it.
    async fn one_by_one(
        &self,
        events: &[VerifiedEvent],
        tally: &mut Tally,
        progress: &Progress,
    ) -> Result<(), StoreError> {
        for event in events {
            match self.try_to_save(std::slice::from_ref(event), progress).await {
                Err(error) if error.is_about_data() => {
                    let why = error.source().map(ToString::to_string).unwrap_or_default();
                    progress.say(format_args!("event {}: Postgres refuses it: {why}", event.id()));
                    tally.unstorable();
                }
                outcomes => outcomes?.into_iter().for_each(|outcome| tally.saved(outcome)),
            }
        }
        Ok(())
    }

    /// Again and again while Postgres is away.
    async fn try_to_save(
        &self,
        events: &[VerifiedEvent],
        progress: &Progress,
    ) -> Result<Vec<SaveOutcome>, StoreError> {
        let events: Vec<_> = events.iter().collect();
        let mut pauses = PAUSES.into_iter();
        loop {
            let (error, seconds) = match (self.store.save(&events).await, pauses.next()) {
                (Ok(saved), _) => return Ok(saved.outcomes),
                (Err(error), Some(seconds)) if !error.is_about_data() => (error, seconds),
                (Err(error), _) => return Err(error),
            };
            progress.say(format_args!("{error}, trying again in {seconds} s"));
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
    }
}
