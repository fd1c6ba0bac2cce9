//! Answers that clients are owed. Pub/sub may lose a message and a worker may die: then the answer is still given, by
//! this process, when its time is up.

use std::time::Instant;

use ahash::{AHashMap, AHashSet};
use protocol::{EventId, SubscriptionId};

use crate::origins::OnItsWay;

/// What is owed. REQs are not here: a subscription knows itself until when it replays.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Debt {
    /// An OK for an EVENT.
    Event(EventId),
    /// An OK for an AUTH.
    Auth(EventId),
    /// A COUNT or CLOSED; the generation tells queries of the same name apart.
    Count(SubscriptionId, u64),
    /// A NEG-MSG or NEG-ERR; the generation tells reconciliations of the same name apart.
    Negentropy(SubscriptionId, u64),
}

/// The debts to one client.
#[derive(Debug, Default)]
pub struct Owed(AHashMap<Debt, Due>);

#[derive(Debug)]
struct Due {
    answers: u32,
    at: Instant,
    /// The place of an event among those of its address: free again when the debt is gone.
    _place: Option<OnItsWay>,
}

/// How a new debt relates to those there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owing {
    /// It is new: somebody has to work for the answer.
    New,
    /// The same is being worked for already; that answer will be given as often as it is owed.
    Again,
    /// Too many answers are owed: this client has to wait.
    TooMany,
}

/// Answers that one client may be owed. Beyond it the client sends without ever looking at the answers.
const MOST: usize = 20_000;

impl Owed {
    /// Owes an answer until `at`.
    pub fn owe(&mut self, debt: Debt, at: Instant, place: Option<OnItsWay>) -> Owing {
        if let Some(due) = self.0.get_mut(&debt) {
            due.answers += 1;
            return Owing::Again;
        }
        if self.0.len() >= MOST {
            return Owing::TooMany;
        }
        let due = Due {
            answers: 1,
            at,
            _place: place,
        };
        self.0.insert(debt, due);
        Owing::New
    }

    /// The debt is paid: how many answers it was. 0 when nothing was owed (any more).
    pub fn settle(&mut self, debt: &Debt) -> u32 {
        let answers = self.0.remove(debt).map_or(0, |due| due.answers);
        if self.0.is_empty() {
            // An idle connection holds no memory for what it once asked.
            self.0 = AHashMap::new();
        }
        answers
    }

    /// Takes out what should have been answered by `now`.
    pub fn overdue(&mut self, now: Instant) -> Vec<(Debt, u32)> {
        self.0
            .extract_if(|_, due| due.at <= now)
            .map(|(debt, due)| (debt, due.answers))
            .collect()
    }

    /// Whether this is owed.
    pub fn contains(&self, debt: &Debt) -> bool {
        self.0.contains_key(debt)
    }

    /// Those of these events that an OK is owed for.
    pub fn events(&self, among: &AHashSet<EventId>) -> Vec<EventId> {
        let events = self.0.keys().filter_map(|debt| match debt {
            Debt::Event(id) if among.contains(id) => Some(*id),
            _ => None,
        });
        events.collect()
    }

    /// How many counts are owed.
    pub fn counts(&self) -> usize {
        let is_count = |debt: &&Debt| matches!(debt, Debt::Count(..));
        self.0.keys().filter(is_count).count()
    }

    /// Whether nothing is owed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_debt_is_paid_once_in_time_or_late() {
        let (mut owed, now) = (Owed::default(), Instant::now());
        let (early, late) = (now + Duration::from_secs(1), now + Duration::from_secs(2));
        let [one, two] = [1, 2].map(|n| Debt::Event(EventId::from_bytes([n; 32])));
        assert_eq!(owed.owe(one.clone(), early, None), Owing::New);
        assert_eq!(owed.owe(one.clone(), late, None), Owing::Again);
        assert_eq!(owed.owe(two.clone(), late, None), Owing::New);
        assert_eq!(owed.overdue(now), []);
        assert_eq!(owed.overdue(early), [(one.clone(), 2)]);
        assert_eq!(owed.settle(&one), 0);
        assert_eq!(owed.settle(&two), 1);
        assert!(owed.is_empty());
    }
}
