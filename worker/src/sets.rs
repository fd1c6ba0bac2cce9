//! The sets of reconciliations (NIP-77) that this process remembers. They are what a session needs beside its messages, and
//! any worker can read them anew: so a session lives in no worker, and survives each of them.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use protocol::{Filter, Reader};
use store::{Followed, RecordSet, Store, StoreError};

/// Sets by their filters. Clients with the same filter share one, if they may see the same of it.
pub struct Sets {
    store: Store,
    limits: SetLimits,
    kept: Mutex<HashMap<String, Kept>>,
    /// Sets are read one at a time: it bounds what they take while they grow.
    turn: tokio::sync::Mutex<()>,
}

/// What bounds them.
#[derive(Debug, Clone, Copy)]
pub struct SetLimits {
    /// Bytes of all that are kept.
    pub bytes: usize,
    /// Records of one.
    pub records: u32,
    /// How long one may take to be read.
    pub patience: Duration,
    /// How long one is kept that nobody uses.
    pub idle: Duration,
}

struct Kept {
    set: Arc<RecordSet>,
    used: Instant,
}

impl Sets {
    /// None yet.
    pub fn new(store: Store, limits: SetLimits) -> Self {
        Self {
            store,
            limits,
            kept: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// The set of a filter as a reader may know it; `None` when it is too big. For the first message of a session it is that of now; later ones go on
    /// with any that is at hand: a newer one does no harm, what has come meanwhile is a difference like any other.
    pub async fn of(
        &self,
        filter: &Filter,
        reader: &Reader<'_>,
        opens: bool,
        now: u64,
    ) -> Result<Option<Arc<RecordSet>>, StoreError> {
        let key = key(filter, reader);
        if !opens && let Some(set) = self.kept(&key) {
            return Ok(Some(set));
        }
        let _turn = self.turn.lock().await;
        // Somebody may have read it meanwhile.
        if let Some(set) = self.kept(&key) {
            match self.store.follow_records(&set, filter, reader, now).await? {
                Some(Followed::Same) => return Ok(Some(set)),
                Some(Followed::New(set)) if set.records.len() <= self.limits.records as usize => {
                    return Ok(Some(self.keep(key, set)));
                }
                Some(Followed::New(_)) | None => {}
            }
        }
        let limits = self.limits;
        let set = self
            .store
            .record_set(filter, reader, limits.records, limits.patience, now)
            .await?;
        Ok(set.map(|set| self.keep(key, set)))
    }

    fn kept(&self, key: &str) -> Option<Arc<RecordSet>> {
        let mut all = self.kept.lock();
        let kept = all.get_mut(key)?;
        kept.used = Instant::now();
        Some(Arc::clone(&kept.set))
    }

    /// Keeps a set, and as many of the others as fit, those used last.
    fn keep(&self, key: String, set: RecordSet) -> Arc<RecordSet> {
        let (set, used) = (Arc::new(set), Instant::now());
        let mut all = self.kept.lock();
        all.remove(&key);
        while !all.is_empty() && set.bytes() + bytes(&all) > self.limits.bytes {
            let oldest = all.iter().min_by_key(|(_, kept)| kept.used);
            if let Some(key) = oldest.map(|(key, _)| key.clone()) {
                all.remove(&key);
            }
        }
        if set.bytes() <= self.limits.bytes {
            let set = Arc::clone(&set);
            all.insert(key, Kept { set, used });
        }
        set
    }

    /// Drops what nobody uses any more; answers how many bytes are kept.
    pub fn forget_idle(&self) -> usize {
        let mut all = self.kept.lock();
        all.retain(|_, kept| kept.used.elapsed() < self.limits.idle);
        bytes(&all)
    }
}

/// A filter always has a JSON form.
fn key(filter: &Filter, reader: &Reader<'_>) -> String {
    let mut key = serde_json::to_string(filter).unwrap_or_default();
    if reader.is_concerned(filter) {
        let mut pubkeys: Vec<String> = reader.keys().iter().map(ToString::to_string).collect();
        pubkeys.sort_unstable();
        key.push_str(&pubkeys.concat());
    }
    key
}

fn bytes(all: &HashMap<String, Kept>) -> usize {
    all.iter().map(|(key, kept)| key.len() + kept.set.bytes()).sum()
}
