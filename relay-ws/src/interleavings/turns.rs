//! Questions that wait for their turn, and answers that make it the next one's.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use pubsub::{ConnectionId, ProcessId};
use queue::Queue;
use shuttle::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
};
use testkit::in_any_order;

use crate::turns::{Question, Ticket, Turns};

const QUESTIONS: u64 = 4;
const AT_A_TIME: usize = 2;

#[derive(Clone)]
struct Asks {
    ticket: Ticket,
    is_wanted: Arc<AtomicBool>,
}

impl Asks {
    fn wanted(ticket: Ticket) -> Self {
        Self {
            ticket,
            is_wanted: Arc::new(AtomicBool::new(true)),
        }
    }
}

impl Question for Asks {
    fn is_wanted(&self) -> bool {
        self.is_wanted.load(Ordering::SeqCst)
    }

    fn until(&self) -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    fn anew(&self) -> Option<(Ticket, Self)> {
        let ticket = (self.ticket.0, self.ticket.1 + QUESTIONS);
        let is_wanted = Arc::clone(&self.is_wanted);
        self.is_wanted().then_some((ticket, Self { ticket, is_wanted }))
    }
}

#[derive(Default)]
struct World {
    turns: Turns<Asks>,
    asked: [AtomicUsize; QUESTIONS as usize],
    with_workers: AtomicUsize,
}

const fn lane() -> (Queue, IpAddr) {
    (Queue::Req, IpAddr::V4(std::net::Ipv4Addr::LOCALHOST))
}

impl World {
    /// A worker answers a question, and then whichever it made room for.
    fn work(&self, first: Option<Arc<Asks>>) {
        let mut next = first;
        while let Some(asks) = next {
            assert!(self.with_workers.fetch_add(1, Ordering::SeqCst) < AT_A_TIME);
            self.asked[(asks.ticket.1 % QUESTIONS) as usize].fetch_add(1, Ordering::SeqCst);
            self.with_workers.fetch_sub(1, Ordering::SeqCst);
            next = self.turns.answered(asks.ticket, |_| AT_A_TIME);
        }
    }

    /// Hands in a question where one is asked at a time; it comes back if it is.
    fn take_alone(&self, ticket: Ticket) -> Option<Arc<Asks>> {
        self.turns.take(lane(), 1, ticket, Asks::wanted(ticket))
    }

    fn times_asked(&self) -> Vec<usize> {
        self.asked
            .iter()
            .map(|times| times.load(Ordering::SeqCst))
            .collect()
    }
}

/// One thread asks each question; what it may ask at once a thread of its own answers.
fn ask_all(give_up_last: bool) -> Vec<usize> {
    let world = Arc::new(World::default());
    let client = ConnectionId::random(ProcessId::random());
    let wanted = Arc::new(AtomicBool::new(true));
    let mut threads: Vec<_> = (0..QUESTIONS)
        .map(|number| {
            let mut asks = Asks::wanted((client, number));
            if give_up_last && number == QUESTIONS - 1 {
                asks.is_wanted = Arc::clone(&wanted);
            }
            let world = Arc::clone(&world);
            thread::spawn(move || world.work(world.turns.take(lane(), AT_A_TIME, asks.ticket, asks.clone())))
        })
        .collect();
    threads.push(thread::spawn(move || wanted.store(false, Ordering::SeqCst)));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    // Everybody has been answered: there is room again for as many as may be asked at a time.
    for number in 0..=AT_A_TIME as u64 {
        let asks = Asks::wanted((client, QUESTIONS + number));
        let is_asked = world.turns.take(lane(), AT_A_TIME, asks.ticket, asks).is_some();
        assert_eq!(is_asked, number < AT_A_TIME as u64);
    }
    world.times_asked()
}

#[test]
fn each_question_is_asked_once_and_few_are_at_a_time() {
    in_any_order(|| assert_eq!(ask_all(false), [1; QUESTIONS as usize]));
}

#[test]
fn what_is_given_up_while_it_waits_keeps_nobody_from_his_turn() {
    in_any_order(|| {
        let asked = ask_all(true);
        assert_eq!(asked[..3], [1; 3]);
        assert!(asked[3] <= 1);
    });
}

#[test]
fn a_question_whose_answer_is_late_gives_its_turn_away_once() {
    in_any_order(|| {
        let world = Arc::new(World::default());
        let client = ConnectionId::random(ProcessId::random());
        let take = |number| world.take_alone((client, number));
        let first = take(0).unwrap();
        assert!(take(1).is_none() && take(2).is_none());
        let worker = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                let next = world.turns.answered(first.ticket, |_| 1);
                next.map(|asks| asks.ticket.1)
            })
        };
        let upkeep = {
            let world = Arc::clone(&world);
            let late = Instant::now() + Duration::from_secs(30);
            thread::spawn(move || {
                let next = world.turns.overdue(late + Duration::from_secs(60), |_| 1);
                next.iter().map(|asks| asks.ticket.1).collect::<Vec<_>>()
            })
        };
        let (by_worker, by_upkeep) = (worker.join().unwrap(), upkeep.join().unwrap());
        // Either gave the turn to the next one. Where the worker was first, that one may have been given up at once, too.
        match by_worker {
            Some(next) => assert!(next == 1 && (by_upkeep.is_empty() || by_upkeep == [2])),
            None => assert_eq!(by_upkeep, [1]),
        }
    });
}

#[test]
fn what_is_asked_again_gives_its_turn_away_once() {
    in_any_order(|| {
        let world = Arc::new(World::default());
        let client = ConnectionId::random(ProcessId::random());
        let take = |number| world.take_alone((client, number));
        let first = take(0).unwrap();
        assert!(take(1).is_none());
        let answered = |ticket| {
            let world = Arc::clone(&world);
            move || world.turns.answered(ticket, |_| 1).map(|asks| asks.ticket)
        };
        let worker = thread::spawn(answered(first.ticket));
        let gap = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                let again = world.turns.again();
                assert_eq!(again.len(), 1);
                world
                    .turns
                    .answered(again[0].ticket, |_| 1)
                    .map(|asks| asks.ticket)
            })
        };
        let next: Vec<Ticket> = [worker, gap]
            .into_iter()
            .filter_map(|t| t.join().unwrap())
            .collect();
        assert_eq!(next, [(client, 1)]);
        // It has been answered, too, if it was asked again.
        answered((client, 1))();
        assert!(take(2).is_some());
    });
}
