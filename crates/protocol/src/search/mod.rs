//! Full-text search ([NIP-50](https://nips.nostr.com/50)): what a query asks for, and the words of an event that it is
//! compared with. Words are made here and nowhere else, so what is stored and what comes live is found alike.

mod expression;
mod extensions;
mod fold;
mod manual;
mod query;
mod rules;
mod searchable;
mod web;
mod words;

pub use expression::{Expression, Term};
pub use query::{InvalidSearch, MAX_QUERY_BYTES, MAX_TERMS, Search};
pub use rules::{InvalidSearchRules, Language, SearchRules};
pub use searchable::{Place, Searchable, Weight};
