//! Whose turn it is to have a question answered.
//!
//! Workers take questions in the order of their queues, so whoever asks much would have everybody wait behind him. Therefore one
//! address has only a few questions in a queue at a time. Its others wait here for an answer to one of them, and those that are
//! not wanted any more by then are never asked.

use std::{
    collections::VecDeque,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use ahash::AHashMap;
use parking_lot::Mutex;
use pubsub::ConnectionId;
use queue::Queue;

/// Which question: no other of its connection has this number at the same time.
pub type Ticket = (ConnectionId, u64);

/// Whose questions, and in which queue.
pub type Lane = (Queue, IpAddr);

/// Questions that wait before it is first looked which of them are wanted yet.
const MANY: usize = 64;

/// The questions of all addresses.
#[derive(Debug)]
pub struct Turns<Q>(Mutex<State<Q>>);

#[derive(Debug)]
struct State<Q> {
    lanes: AHashMap<Lane, Questions<Q>>,
    asked: AHashMap<Ticket, Asked<Q>>,
}

/// A question that a worker has, or will have next.
#[derive(Debug)]
struct Asked<Q> {
    lane: Lane,
    /// In case that its answer is lost.
    question: Arc<Q>,
    since: Instant,
    /// Then no answer comes any more.
    until: Instant,
}

impl<Q: Question> Asked<Q> {
    fn now(lane: Lane, question: &Arc<Q>) -> Self {
        Self {
            lane,
            question: Arc::clone(question),
            since: Instant::now(),
            until: question.until(),
        }
    }
}

#[derive(Debug)]
struct Questions<Q> {
    asked: usize,
    waiting: VecDeque<(Ticket, Q)>,
    look_at: usize,
}

/// What can be asked.
pub trait Question: Sized {
    /// Whether somebody still waits for the answer.
    fn is_wanted(&self) -> bool;
    /// Until when an answer may come if it is asked now.
    fn until(&self) -> Instant;
    /// The same question once more, and its number then; `None` if nobody waits for the answer any more.
    fn anew(&self) -> Option<(Ticket, Self)>;
}

impl<Q> Default for Turns<Q> {
    fn default() -> Self {
        Self(Mutex::new(State {
            lanes: AHashMap::new(),
            asked: AHashMap::new(),
        }))
    }
}

impl<Q: Question> Turns<Q> {
    /// Hands in a question. It comes back if it may be asked at once: when fewer than `most` of its lane have been.
    pub fn take(&self, lane: Lane, most: usize, ticket: Ticket, question: Q) -> Option<Arc<Q>> {
        let mut state = self.0.lock();
        let questions = state.lanes.entry(lane).or_insert_with(|| Questions {
            asked: 0,
            waiting: VecDeque::new(),
            look_at: MANY,
        });
        if questions.asked < most {
            questions.asked += 1;
            return Some(state.ask(lane, ticket, question));
        }
        questions.wait(ticket, question);
        None
    }

    /// How long ago a question was asked, and in which lane, unless it was answered before.
    pub fn asked(&self, ticket: Ticket) -> Option<(Lane, Duration)> {
        let state = self.0.lock();
        let asked = state.asked.get(&ticket)?;
        Some((asked.lane, asked.since.elapsed()))
    }

    /// A question has been answered, or will not be. The next of its lane comes back, to be asked, unless more than `most` are.
    pub fn answered(&self, ticket: Ticket, most: impl Fn(Lane) -> usize) -> Option<Arc<Q>> {
        let mut state = self.0.lock();
        let Asked { lane, .. } = state.asked.remove(&ticket)?;
        state.next(lane, most(lane))
    }

    /// Gives up the questions whose answers should have come by `now`: those that are to be asked in their place.
    pub fn overdue(&self, now: Instant, most: impl Fn(Lane) -> usize) -> Vec<Arc<Q>> {
        let mut state = self.0.lock();
        let late = state.asked.extract_if(|_, asked| asked.until <= now);
        let lanes: Vec<Lane> = late.map(|(_, asked)| asked.lane).collect();
        let next = |lane| state.next(lane, most(lane));
        lanes.into_iter().filter_map(next).collect()
    }

    /// What has been asked and not answered is asked once more, in its own place: answers may have been lost.
    pub fn again(&self) -> Vec<Arc<Q>> {
        let mut state = self.0.lock();
        let anew = |(ticket, asked): (&Ticket, &Asked<Q>)| {
            let (number, question) = asked.question.anew()?;
            Some((*ticket, asked.lane, number, question))
        };
        let wanted: Vec<_> = state.asked.iter().filter_map(anew).collect();
        let ask = |(before, lane, ticket, question)| {
            state.asked.remove(&before);
            state.ask(lane, ticket, question)
        };
        wanted.into_iter().map(ask).collect()
    }
}

impl<Q: Question> State<Q> {
    fn ask(&mut self, lane: Lane, ticket: Ticket, question: Q) -> Arc<Q> {
        let question = Arc::new(question);
        self.asked.insert(ticket, Asked::now(lane, &question));
        question
    }

    fn next(&mut self, lane: Lane, most: usize) -> Option<Arc<Q>> {
        let questions = self.lanes.get_mut(&lane)?;
        while questions.asked <= most
            && let Some((ticket, question)) = questions.waiting.pop_front()
        {
            if question.is_wanted() {
                return Some(self.ask(lane, ticket, question));
            }
        }
        questions.asked -= 1;
        if questions.asked == 0 {
            self.lanes.remove(&lane);
        }
        None
    }
}

impl<Q: Question> Questions<Q> {
    /// What is replaced again and again must not gather.
    fn wait(&mut self, ticket: Ticket, question: Q) {
        self.waiting.push_back((ticket, question));
        if self.waiting.len() >= self.look_at {
            self.waiting.retain(|(_, question)| question.is_wanted());
            self.look_at = MANY.max(2 * self.waiting.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        LazyLock,
        atomic::{AtomicBool, Ordering},
    };

    use pubsub::ProcessId;

    use super::*;

    /// What a question is numbered when it is asked again.
    static ANEW: LazyLock<Ticket> = LazyLock::new(|| (ConnectionId::random(ProcessId::random()), 1));

    #[derive(Debug, Clone)]
    struct Asks(&'static str, Arc<AtomicBool>);

    impl Question for Asks {
        fn is_wanted(&self) -> bool {
            self.1.load(Ordering::Relaxed)
        }

        fn until(&self) -> Instant {
            Instant::now() + Duration::from_secs(60)
        }

        fn anew(&self) -> Option<(Ticket, Self)> {
            self.is_wanted().then(|| (*ANEW, self.clone()))
        }
    }

    fn asks(name: &'static str) -> Asks {
        Asks(name, Arc::new(AtomicBool::new(true)))
    }

    fn lane(host: u8) -> Lane {
        (Queue::Req, IpAddr::from([127, 0, 0, host]))
    }

    #[test]
    fn each_address_has_so_many_and_the_next_follows_an_answer() {
        let (turns, client) = (Turns::default(), ConnectionId::random(ProcessId::random()));
        let take = |host, number, name| {
            let asked = turns.take(lane(host), 2, (client, number), asks(name));
            asked.map(|asks| asks.0)
        };
        assert_eq!(take(1, 1, "a"), Some("a"));
        assert_eq!(take(1, 2, "b"), Some("b"));
        assert_eq!(take(1, 3, "c"), None);
        assert_eq!(take(1, 4, "d"), None);
        assert_eq!(take(2, 5, "of another"), Some("of another"));
        let asked = |number| turns.asked((client, number)).map(|(lane, _)| lane);
        assert_eq!([1, 3, 5].map(asked), [Some(lane(1)), None, Some(lane(2))]);
        let answered = |number| turns.answered((client, number), |_| 2).map(|asks| asks.0);
        assert_eq!(answered(2), Some("c"));
        assert_eq!([2, 3].map(asked), [None, Some(lane(1))]);
        assert_eq!(answered(2), None, "once");
        assert_eq!(answered(1), Some("d"));
        for number in [3, 4, 5] {
            assert_eq!(answered(number), None);
        }
        assert!(turns.0.lock().lanes.is_empty() && turns.0.lock().asked.is_empty());
    }

    #[test]
    fn who_may_have_fewer_than_before_waits_until_as_many_are_answered() {
        let (turns, client) = (Turns::default(), ConnectionId::random(ProcessId::random()));
        for number in 0..8 {
            turns.take(lane(1), 8, (client, number), asks("while alone"));
        }
        turns.take(lane(1), 2, (client, 8), asks("next"));
        let answered = |number| turns.answered((client, number), |_| 2).is_some();
        assert!((0..6).all(|number| !answered(number)));
        assert!(answered(6));
    }

    #[test]
    fn what_nobody_wants_any_more_is_neither_asked_nor_kept() {
        let (turns, client) = (Turns::default(), ConnectionId::random(ProcessId::random()));
        let (gone, wanted) = (asks("gone"), asks("wanted"));
        gone.1.store(false, Ordering::Relaxed);
        turns.take(lane(1), 1, (client, 0), asks("first"));
        for number in 1..10_000 {
            turns.take(lane(1), 1, (client, number), gone.clone());
        }
        assert!(turns.0.lock().lanes[&lane(1)].waiting.len() <= MANY);
        turns.take(lane(1), 1, (client, 10_000), wanted);
        let next = turns.answered((client, 0), |_| 1);
        assert_eq!(next.map(|asks| asks.0), Some("wanted"));
    }

    #[test]
    fn an_answer_that_never_comes_holds_nobody_up_for_ever() {
        let (turns, client) = (Turns::default(), ConnectionId::random(ProcessId::random()));
        turns.take(lane(1), 1, (client, 1), asks("lost"));
        turns.take(lane(1), 1, (client, 2), asks("next"));
        assert!(turns.overdue(Instant::now(), |_| 1).is_empty());
        let next = turns.overdue(Instant::now() + Duration::from_secs(61), |_| 1);
        assert_eq!(next.iter().map(|asks| asks.0).collect::<Vec<_>>(), ["next"]);
        assert!(turns.answered((client, 1), |_| 1).is_none());
    }

    #[test]
    fn what_is_asked_again_keeps_its_place_under_another_number() {
        let (turns, client) = (Turns::default(), ConnectionId::random(ProcessId::random()));
        let gone = asks("gone");
        turns.take(lane(1), 2, (client, 1), asks("lost"));
        turns.take(lane(1), 2, (client, 2), gone.clone());
        turns.take(lane(1), 2, (client, 3), asks("next"));
        gone.1.store(false, Ordering::Relaxed);
        let names = |asked: &[Arc<Asks>]| asked.iter().map(|asks| asks.0).collect::<Vec<_>>();
        assert_eq!(names(&turns.again()), ["lost"]);
        assert!(turns.answered((client, 1), |_| 2).is_none(), "of the first time");
        assert_eq!(turns.asked(*ANEW).map(|(lane, _)| lane), Some(lane(1)));
        let next = turns.answered(*ANEW, |_| 2);
        assert_eq!(next.map(|asks| asks.0), Some("next"));
        assert!(turns.answered((client, 2), |_| 2).is_none() && turns.answered((client, 3), |_| 2).is_none());
        assert!(turns.0.lock().lanes.is_empty() && turns.0.lock().asked.is_empty());
    }
}
