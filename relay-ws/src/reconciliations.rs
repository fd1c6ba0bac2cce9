//! The reconciliations that a client has open ([NIP-77](https://nips.nostr.com/77)): what each is about, so that every
//! message of it can be answered by any worker.

use std::time::{Duration, Instant};

use ahash::AHashMap;
use parking_lot::Mutex;
use protocol::{Filter, SubscriptionId};
use queue::jobs::Client;

/// Those of one connection, by their names, which are apart from those of REQs.
#[derive(Debug, Default)]
pub struct Reconciliations(Mutex<AHashMap<SubscriptionId, Open>>);

/// An open reconciliation.
#[derive(Debug, Clone)]
struct Open {
    topic: Topic,
    /// When the relay has answered last; `None` while a message is being answered.
    waits_since: Option<Instant>,
}

/// What it is about.
#[derive(Debug, Clone)]
pub struct Topic {
    /// Number of the message that is answered, or has been answered last: no other of this connection had it.
    pub generation: u64,
    /// The events.
    pub filter: Filter,
    /// Who has opened it.
    pub client: Client,
}

/// Why a message cannot be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswerable {
    /// There is no such reconciliation.
    NotOpen,
    /// The message before is being answered yet.
    OutOfTurn,
}

impl Reconciliations {
    /// Opens one in the place of any of that name; whether that is allowed with at most so many.
    pub fn open(&self, id: &SubscriptionId, topic: Topic, most: usize) -> bool {
        let mut all = self.0.lock();
        all.remove(id);
        if all.len() >= most {
            return false;
        }
        all.insert(
            id.clone(),
            Open {
                topic,
                waits_since: None,
            },
        );
        true
    }

    /// The client has sent a further message, which gets this number. What is out of turn ends the reconciliation.
    pub fn asked(&self, id: &SubscriptionId, generation: u64) -> Result<Topic, Unanswerable> {
        let mut all = self.0.lock();
        let open = all.get_mut(id).ok_or(Unanswerable::NotOpen)?;
        if open.waits_since.take().is_some() {
            open.topic.generation = generation;
            return Ok(open.topic.clone());
        }
        all.remove(id);
        Err(Unanswerable::OutOfTurn)
    }

    /// A worker has answered; whether it is still about the same.
    pub fn answered(&self, id: &SubscriptionId, generation: u64) -> bool {
        let mut all = self.0.lock();
        let open = all.get_mut(id).filter(|open| open.topic.generation == generation);
        open.is_some_and(|open| {
            open.waits_since = Some(Instant::now());
            true
        })
    }

    /// Ends it.
    pub fn end(&self, id: &str) {
        let mut all = self.0.lock();
        all.remove(id);
        if all.is_empty() {
            // An idle connection holds no memory for what it once did.
            *all = AHashMap::new();
        }
    }

    /// Ends it if it is still this one; whether it was.
    pub fn end_generation(&self, id: &SubscriptionId, generation: u64) -> bool {
        let is_it = self
            .0
            .lock()
            .get(id)
            .is_some_and(|open| open.topic.generation == generation);
        if is_it {
            self.end(id.as_str());
        }
        is_it
    }

    /// Ends all: their names.
    pub fn end_all(&self) -> Vec<SubscriptionId> {
        std::mem::take(&mut *self.0.lock()).into_keys().collect()
    }

    /// Takes out those whose client has been silent for so long.
    pub fn take_idle(&self, patience: Duration) -> Vec<SubscriptionId> {
        let mut all = self.0.lock();
        let is_idle = |open: &Open| open.waits_since.is_some_and(|since| since.elapsed() >= patience);
        all.extract_if(|_, open| is_idle(open))
            .map(|(id, _)| id)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(generation: u64) -> Topic {
        Topic {
            generation,
            filter: Filter::default(),
            client: Client::default(),
        }
    }

    #[test]
    fn messages_alternate_and_successors_are_told_apart() {
        let (all, id) = (Reconciliations::default(), SubscriptionId::new("sync").unwrap());
        assert_eq!(all.asked(&id, 1).unwrap_err(), Unanswerable::NotOpen);
        assert!(all.open(&id, topic(1), 1));
        assert!(all.open(&id, topic(2), 1), "in the place of the first");
        assert!(!all.open(&SubscriptionId::new("other").unwrap(), topic(3), 1));
        assert!(!all.answered(&id, 1) && all.answered(&id, 2));
        assert_eq!(all.asked(&id, 3).unwrap().generation, 3);
        assert!(
            !all.answered(&id, 2),
            "the answer to an earlier message, once more"
        );
        assert_eq!(all.asked(&id, 4).unwrap_err(), Unanswerable::OutOfTurn);
        assert_eq!(
            all.asked(&id, 5).unwrap_err(),
            Unanswerable::NotOpen,
            "it is over"
        );
    }

    #[test]
    fn only_what_waits_for_its_client_is_idle() {
        let (all, id) = (Reconciliations::default(), SubscriptionId::new("sync").unwrap());
        all.open(&id, topic(1), 1);
        assert_eq!(all.take_idle(Duration::ZERO), []);
        all.answered(&id, 1);
        assert_eq!(all.take_idle(Duration::from_secs(60)), []);
        assert_eq!(all.take_idle(Duration::ZERO), [id]);
        assert_eq!(all.take_idle(Duration::ZERO), []);
    }
}
