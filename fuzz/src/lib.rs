//! What strangers can send, each with what must hold for any bytes at all. `scripts/fuzz` runs them under libFuzzer;
//! `tests/corpus.rs` replays what is kept in `corpus/`.

mod client_message;
mod event_id;
mod filter;
mod job;
mod negentropy;
mod page;
mod search;

/// Does something with any bytes, and panics when something is wrong.
pub type Check = fn(&[u8]);

/// Name, which is also that of its folder in `corpus/`, and what is done with the bytes.
pub const TARGETS: [(&str, Check); 7] = [
    ("client_message", client_message::check),
    ("event_id", event_id::check),
    ("filter", filter::check),
    ("job", job::check),
    ("negentropy", negentropy::check),
    ("page", page::check),
    ("search", search::check),
];
