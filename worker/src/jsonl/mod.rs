//! Events from and to files: one JSON object a line, as other relays and tools read and write them.

mod export;
mod import;
mod lines;
mod progress;
mod tally;

pub use export::{ExportError, ExportOptions, export};
pub use import::{ImportError, ImportOptions, import};
