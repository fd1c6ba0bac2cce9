//! The time that the relay works for one address, and when it may have more.
//!
//! Who is alone has all of it. While others are there, an address that has taken more than its share waits until its share has caught
//! up: meanwhile its sockets are not read and its questions not asked. So what is costly, known or not,
//! costs mostly whoever sends it. Time is measured, not estimated: that of this process as it passes, that of the workers, of Postgres
//! and of Redis by how long their answers take.

use std::{
    num::NonZero,
    pin::{Pin, pin},
    sync::Arc,
    task::ready,
    thread,
    time::{Duration, Instant},
};

use futures::future::poll_fn;
use metrics::counter;
use shuttle_sync::sync::atomic::{AtomicU64, Ordering};
use tokio::time::{Sleep, sleep};

use crate::{origins::Origin, settings::Settings};

/// Time that an address may take at once before its share counts.
const AT_ONCE: Duration = Duration::from_millis(100);

/// An answer as quick as this was on its way for most of the time: nobody worked for it.
const QUICK: Duration = Duration::from_millis(2);

/// What an answer counts at most. One that took longer was held up by more than its question.
const SLOW: Duration = Duration::from_millis(500);

/// What a turn counts as before it is measured: those who wait together have their turns one after the other.
const TURN: Duration = Duration::from_micros(50);

/// Nobody waits longer for his turn.
const LONGEST: Duration = Duration::from_secs(10);

/// What an address has taken.
#[derive(Debug)]
pub struct Share {
    start: Instant,
    /// When its share will have paid for what was taken, in nanoseconds since `start`.
    paid_at: AtomicU64,
    /// How long its share takes to pay for a second.
    price: f64,
}

impl Share {
    /// Of so many hundredths of all cores. Nothing has been taken yet.
    pub fn of_cores(percent: u8) -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Self::new(100.0 / (f64::from(percent.max(1)) * cores as f64))
    }

    fn new(price: f64) -> Self {
        Self {
            start: Instant::now(),
            paid_at: AtomicU64::new(0),
            price,
        }
    }

    /// So much has been taken.
    pub fn took(&self, time: Duration) {
        self.pay(time, self.start.elapsed());
    }

    /// Nothing has been taken.
    pub fn forgive(&self) {
        self.paid_at.store(0, Ordering::Relaxed);
    }

    /// Whether something that was taken is not paid for yet.
    pub fn owes(&self) -> bool {
        u128::from(self.paid_at.load(Ordering::Relaxed)) > self.start.elapsed().as_nanos()
    }

    /// Whether more than the share has been taken.
    pub fn is_exceeded(&self) -> bool {
        self.ahead(self.start.elapsed()).is_some()
    }

    /// How long to wait until the next turn, which counts from now on; `None` when it may be at once.
    pub fn wait(&self) -> Option<Duration> {
        let now = self.start.elapsed();
        let wait = self.ahead(now)?;
        self.pay(TURN, now);
        Some(wait)
    }

    fn ahead(&self, now: Duration) -> Option<Duration> {
        let paid_at = Duration::from_nanos(self.paid_at.load(Ordering::Relaxed));
        let free = now + AT_ONCE.mul_f64(self.price);
        let ahead = paid_at.checked_sub(free).filter(|ahead| !ahead.is_zero());
        ahead.map(|ahead| ahead.min(LONGEST))
    }

    fn pay(&self, time: Duration, now: Duration) {
        let now = now.as_nanos() as u64;
        let more = (time.as_nanos() as f64 * self.price) as u64;
        let most = now + (LONGEST + AT_ONCE.mul_f64(self.price)).as_nanos() as u64;
        let add = |paid_at: u64| Some((paid_at.max(now) + more).min(most));
        // It always has a next value.
        let _ = self
            .paid_at
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

/// What workers, Postgres and Redis did for an answer that took so long, one of so many at a time.
pub fn work_for(took: Duration, at_a_time: usize) -> Duration {
    let work = took.clamp(QUICK, SLOW) - QUICK;
    work / u32::try_from(at_a_time.max(1)).unwrap_or(u32::MAX)
}

/// Runs a task, and tells how long each step of it took.
pub fn timed<T>(task: impl Future<Output = T>, took: impl Fn(Duration)) -> impl Future<Output = T> {
    // Of a connection's state there is one copy: the futures around it only know where it is.
    let mut task = Box::pin(task);
    poll_fn(move |cx| {
        let began = Instant::now();
        let polled = task.as_mut().poll(cx);
        took(began.elapsed());
        polled
    })
}

impl Origin {
    /// Runs a task, and counts its time as taken by this address.
    pub fn charged<T>(self: Arc<Self>, task: impl Future<Output = T>) -> impl Future<Output = T> {
        timed(task, move |time| self.share().took(time))
    }

    /// How long this address has to wait for its next turn: not at all while nobody else is there.
    pub fn wait(&self, settings: &Settings) -> Option<Duration> {
        if !self.share().is_exceeded() {
            return None;
        }
        if !self.has_company() || settings.is_unlimited(self.address()) {
            // It was taken from nobody, and is not owed to whoever comes next.
            self.share().forgive();
            return None;
        }
        let wait = self.share().wait();
        if wait.is_some() {
            counter!("relay_turns_waited_for_total").increment(1);
        }
        wait
    }

    /// Waits for the next turn of this address.
    pub async fn turn(&self, settings: &Settings) {
        if let Some(wait) = self.wait(settings) {
            sleep(wait).await;
        }
    }
}

/// Reads for one connection, each time when it is its address's turn.
pub struct Reading<'s> {
    settings: &'s Settings,
    origin: Option<Arc<Origin>>,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<'s> Reading<'s> {
    /// For a connection from there.
    pub fn from(origin: Option<Arc<Origin>>, settings: &'s Settings) -> Self {
        Self {
            settings,
            origin,
            waiting: None,
        }
    }

    /// Goes on with `task` whenever it may. Whoever gives it up keeps the place in the row.
    pub async fn go_on<T>(&mut self, task: impl Future<Output = T>) -> T {
        let mut task = pin!(task);
        poll_fn(|cx| {
            if self.waiting.is_none()
                && let Some(wait) = self.origin.as_ref().and_then(|origin| origin.wait(self.settings))
            {
                self.waiting = Some(Box::pin(sleep(wait)));
            }
            if let Some(waiting) = &mut self.waiting {
                ready!(waiting.as_mut().poll(cx));
            }
            let polled = task.as_mut().poll(cx);
            self.waiting = None;
            polled
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn what_is_taken_beyond_a_share_is_waited_for() {
        let share = Share::new(4.0);
        let cases = [
            // When, how much is taken, how long to wait then.
            (ms(0), ms(0), None),
            (ms(0), ms(100), None),
            (ms(0), ms(10), Some(ms(40))),
            (ms(30), ms(0), Some(ms(10))),
            (ms(40), ms(0), None),
            (ms(40), ms(5), Some(ms(20))),
            (ms(460), ms(0), None),
            (ms(60_000), ms(100), None),
            (ms(60_000), ms(1), Some(ms(4))),
        ];
        for (now, taken, wait) in cases {
            share.pay(taken, now);
            assert_eq!(share.ahead(now), wait, "at {now:?} after {taken:?}");
        }
    }

    #[test]
    fn an_answer_counts_what_it_took_within_reason() {
        let cases = [
            (ms(1), 1, ms(0)),
            (ms(2), 1, ms(0)),
            (ms(12), 1, ms(10)),
            (ms(34), 16, ms(2)),
            (ms(60_000), 1, ms(498)),
            (ms(60_000), 0, ms(498)),
        ];
        for (took, at_a_time, counts) in cases {
            assert_eq!(work_for(took, at_a_time), counts, "{took:?} of {at_a_time}");
        }
    }

    #[test]
    fn what_was_taken_from_nobody_is_not_owed() {
        let share = Share::of_cores(1);
        share.took(Duration::from_secs(1));
        assert!(share.is_exceeded());
        share.forgive();
        assert!(!share.is_exceeded() && share.wait().is_none());
    }

    #[test]
    fn nobody_waits_for_ever() {
        let share = Share::new(100.0);
        share.pay(Duration::from_secs(3_600), ms(0));
        assert_eq!(share.ahead(ms(0)), Some(LONGEST));
        assert_eq!(share.ahead(LONGEST), None);
    }

    #[test]
    fn those_who_wait_together_have_their_turns_one_after_the_other() {
        let share = Share::of_cores(1);
        share.took(Duration::from_millis(130));
        let (first, second) = (share.wait().unwrap(), share.wait().unwrap());
        assert!(second > first || second == LONGEST, "{first:?} {second:?}");
    }
}
