//! The jobs that this consumer has taken and not settled.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;

/// Jobs by id. Shared by those who fetch, vouch and settle.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held(Arc<Mutex<HashMap<String, HeldJob>>>);

/// What is needed to settle a job.
#[derive(Debug, Clone)]
pub(crate) struct HeldJob {
    /// Its JSON, for the dead letters.
    pub json: Bytes,
    /// Deliveries so far.
    pub attempt: u32,
}

impl Held {
    pub(crate) fn insert(&self, id: &str, json: Bytes, attempt: u32) {
        self.0.lock().insert(id.to_owned(), HeldJob { json, attempt });
    }

    pub(crate) fn remove(&self, id: &str) -> Option<HeldJob> {
        self.0.lock().remove(id)
    }

    pub(crate) fn contains(&self, id: &str) -> bool {
        self.0.lock().contains_key(id)
    }

    pub(crate) fn ids(&self) -> Vec<String> {
        self.0.lock().keys().cloned().collect()
    }
}
