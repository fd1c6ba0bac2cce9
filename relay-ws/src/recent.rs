//! What came by lately: an event that is known needs no second signature check, and goes to nobody twice.

use std::hash::Hash;

use ahash::AHashSet;
use parking_lot::Mutex;
use protocol::EventId;

/// Ids that one half holds. Two halves of 50,000 are about ten seconds of the heaviest traffic and 8 MB.
const HALF: usize = 50_000;

/// The last 50,000 to 100,000 different ones.
#[derive(Debug)]
pub struct Recent<T>(Mutex<Halves<T>>);

/// Ids of events.
pub type RecentIds = Recent<EventId>;

#[derive(Debug)]
struct Halves<T> {
    young: AHashSet<T>,
    old: AHashSet<T>,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        let (young, old) = (AHashSet::default(), AHashSet::default());
        Self(Mutex::new(Halves { young, old }))
    }
}

impl<T: Eq + Hash> Recent<T> {
    /// Adds one; whether it was new.
    pub fn insert(&self, id: T) -> bool {
        let mut halves = self.0.lock();
        if halves.old.contains(&id) || !halves.young.insert(id) {
            return false;
        }
        if halves.young.len() >= HALF {
            halves.old = std::mem::take(&mut halves.young);
        }
        true
    }

    /// Whether it came by lately.
    pub fn contains(&self, id: &T) -> bool {
        let halves = self.0.lock();
        halves.young.contains(id) || halves.old.contains(id)
    }

    /// The event has been deleted: who brings it again must not hear that we have it.
    pub fn remove(&self, id: &T) {
        let mut halves = self.0.lock();
        halves.young.remove(id);
        halves.old.remove(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u32) -> EventId {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&n.to_be_bytes());
        EventId::from_bytes(bytes)
    }

    #[test]
    fn remembers_lately_and_forgets_in_time() {
        let recent = RecentIds::default();
        assert!(recent.insert(id(0)));
        assert!(!recent.insert(id(0)));
        (1..=HALF as u32).for_each(|n| assert!(recent.insert(id(n))));
        assert!(!recent.insert(id(0)), "it is in the old half");
        (1..=HALF as u32).for_each(|n| assert!(recent.insert(id(n + HALF as u32))));
        assert!(!recent.contains(&id(0)), "both halves have turned over");
    }
}
