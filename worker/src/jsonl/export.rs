//! `worker export`: writes stored events to standard output, as they were at the moment when it began.

use std::{
    io::{self, BufWriter, IsTerminal, Write},
    ops::ControlFlow,
};

use protocol::Filter;
use runtime::clock;
use store::{Order, Store, StoreError};

use super::progress::Progress;

/// What to export.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ExportOptions {
    /// Only what matches this filter (NIP-01); given several times, what matches any of them.
    #[arg(long = "filter", value_name = "JSON", value_parser = filter)]
    pub filters: Vec<Filter>,
    /// The newest events first, not in the order in which they were stored.
    #[arg(long)]
    pub newest_first: bool,
}

/// Why an export is not complete.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Postgres is away.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The output takes no more.
    #[error("could not write event {number}")]
    Write {
        /// The first that is missing.
        number: u64,
        /// Why.
        #[source]
        source: io::Error,
    },
}

fn filter(text: &str) -> Result<Filter, String> {
    let filter: Filter = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match filter.search {
        None => Ok(filter),
        Some(_) => Err("`search` is not supported here".to_owned()),
    }
}

/// Writes every event that matches, one a line. A reader that goes away early has what it wanted.
pub async fn export(store: Store, options: ExportOptions) -> Result<(), ExportError> {
    let order = if options.newest_first {
        Order::NewestFirst
    } else {
        Order::Stored
    };
    let is_watched = !io::stdout().is_terminal();
    let mut progress = Progress::new("events", None);
    let mut output = BufWriter::with_capacity(256 * 1024, io::stdout());
    let (mut events, mut bytes, mut failed) = (0, 0, None);
    let mut write = |json: &[u8]| {
        let written = output.write_all(json).and_then(|()| output.write_all(b"\n"));
        if let Err(error) = written {
            failed = Some(error);
            return ControlFlow::Break(());
        }
        events += 1;
        bytes += json.len() as u64;
        if is_watched {
            progress.reached(events, bytes, String::new);
        }
        ControlFlow::Continue(())
    };
    let now = clock::unix_millis() / 1000;
    store.export(&options.filters, order, now, &mut write).await?;
    match failed.map_or_else(|| output.flush(), Err) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            // It would try to write what is left.
            std::mem::forget(output);
            Ok(())
        }
        Err(source) => Err(ExportError::Write {
            number: events + 1,
            source,
        }),
        Ok(()) => {
            progress.finish(events);
            Ok(())
        }
    }
}
