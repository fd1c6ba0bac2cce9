//! Where clients come from: what all connections of one address share, so that none takes everybody's place.

use std::{net::IpAddr, sync::Arc, time::Instant};

use ahash::{AHashMap, RandomState};
use parking_lot::Mutex;
use runtime::config::PerAddress;
use shuttle_sync::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::share::{Share, work_for};

/// Seconds that an address counts as present after it sent something.
const PRESENT_S: u64 = 10;

/// All addresses that somebody is connected from, and those that left owing.
#[derive(Debug)]
pub struct Origins {
    all: Mutex<AHashMap<IpAddr, Arc<Origin>>>,
    limits: Arc<PerAddress>,
    company: Arc<Company>,
}

/// Whether one address has all of this process for itself. Read for every message, written once a second and when another address
/// than the last one sends something.
#[derive(Debug)]
struct Company {
    hasher: RandomState,
    /// The hash of the address that was the last to send something; 0: none was.
    last: AtomicU64,
    /// When it did, in seconds since `start`.
    last_s: AtomicU64,
    /// When that was another one than shortly before, in seconds since `start`; 0: never.
    changed_s: AtomicU64,
    start: Instant,
}

/// One address, as long as somebody is connected from it, and until its share has paid for what they took: who leaves and comes
/// back does not begin anew.
#[derive(Debug)]
pub struct Origin {
    address: IpAddr,
    limits: Arc<PerAddress>,
    company: Arc<Company>,
    share: Share,
    /// Its large message that is parsed.
    large_messages: Semaphore,
    connections: AtomicUsize,
    /// Places of events that are on their way.
    events: Arc<Semaphore>,
    /// Bytes that wait for slow sockets.
    waiting: Budget,
    /// Bytes of messages that are not whole yet.
    unfinished: Budget,
}

/// A connection from an address.
#[derive(Debug)]
pub struct Entered(Arc<Origin>);

/// Bytes that an address may have at a time.
#[derive(Debug)]
struct Budget {
    taken: AtomicUsize,
    most: usize,
}

/// Bytes of one connection that its address has to answer for, until they are gone.
#[derive(Debug)]
pub struct Charge {
    origin: Arc<Origin>,
    budget: fn(&Origin) -> &Budget,
    bytes: usize,
}

/// An event that is on its way: until it is answered, or nobody waits for the answer any more.
#[derive(Debug)]
pub struct OnItsWay {
    origin: Arc<Origin>,
    since: Instant,
    _place: OwnedSemaphorePermit,
}

impl Origins {
    /// Nobody is connected yet.
    pub fn new(limits: PerAddress) -> Self {
        Self {
            all: Mutex::default(),
            limits: Arc::new(limits),
            company: Arc::new(Company::new(Instant::now())),
        }
    }

    /// Notes that this address sends something; whether another one did in the last ten seconds. Who is alone takes nobody's turn.
    pub fn has_company(&self, address: IpAddr) -> bool {
        self.company.of(address, Instant::now())
    }

    /// What all who come from an address share.
    pub fn origin(&self, address: IpAddr) -> Arc<Origin> {
        let new = || {
            Arc::new(Origin {
                address,
                limits: Arc::clone(&self.limits),
                company: Arc::clone(&self.company),
                share: Share::of_cores(self.limits.work_percent),
                large_messages: Semaphore::new(1),
                connections: AtomicUsize::new(0),
                events: Arc::new(Semaphore::new(self.limits.events.min(Semaphore::MAX_PERMITS))),
                waiting: Budget::of(self.limits.outbox_bytes),
                unfinished: Budget::of(self.limits.unfinished_bytes),
            })
        };
        Arc::clone(self.all.lock().entry(address).or_insert_with(new))
    }

    /// Forgets the addresses that nobody is connected from and that owe nothing.
    pub fn forget_absent(&self) {
        let is_present = |origin: &Arc<Origin>| Arc::strong_count(origin) > 1 || origin.share.owes();
        let mut all = self.all.lock();
        all.retain(|_, origin| is_present(origin));
        // Many may have come at once.
        if all.len() < all.capacity() / 4 {
            all.shrink_to_fit();
        }
    }
}

impl Company {
    fn new(start: Instant) -> Self {
        Self {
            hasher: RandomState::new(),
            last: AtomicU64::new(0),
            last_s: AtomicU64::new(0),
            changed_s: AtomicU64::new(0),
            start,
        }
    }

    fn of(&self, address: IpAddr, now: Instant) -> bool {
        let now_s = 1 + now.saturating_duration_since(self.start).as_secs();
        let hash = self.hasher.hash_one(address) | 1;
        let is_recent = |at: u64| at != 0 && now_s - at.min(now_s) <= PRESENT_S;
        let last_s = self.last_s.load(Ordering::Relaxed);
        if self.last.load(Ordering::Relaxed) != hash {
            self.last.store(hash, Ordering::Relaxed);
            if is_recent(last_s) {
                self.changed_s.store(now_s, Ordering::Relaxed);
            }
        }
        if last_s != now_s {
            self.last_s.store(now_s, Ordering::Relaxed);
        }
        is_recent(self.changed_s.load(Ordering::Relaxed))
    }
}

impl Entered {
    /// Where it comes from.
    pub fn origin(&self) -> &Arc<Origin> {
        &self.0
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Origin {
    /// Where that is.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// What it has taken of this process's time.
    pub fn share(&self) -> &Share {
        &self.share
    }

    /// Notes that this address does something; whether another one did in the last ten seconds.
    pub fn has_company(&self) -> bool {
        self.company.of(self.address, Instant::now())
    }

    /// A further connection from here; `None` when there are as many as may be.
    pub fn enter(self: Arc<Self>, is_unlimited: bool) -> Option<Entered> {
        let before = self.connections.fetch_add(1, Ordering::Relaxed);
        let entered = Entered(self);
        (is_unlimited || before < entered.0.limits.connections).then_some(entered)
    }

    /// Waits until no other large message of this address is parsed.
    pub async fn large_message(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.large_messages.acquire().await.ok()
    }

    /// Waits until a further event may be sent on its way.
    pub async fn send_event(self: &Arc<Self>) -> Option<OnItsWay> {
        // It is never closed.
        let place = Arc::clone(&self.events).acquire_owned().await.ok()?;
        Some(OnItsWay {
            origin: Arc::clone(self),
            since: Instant::now(),
            _place: place,
        })
    }

    /// For what waits for a slow socket.
    pub fn charge_waiting(self: &Arc<Self>) -> Charge {
        self.charge(|origin| &origin.waiting)
    }

    /// For a message that is not whole yet.
    pub fn charge_unfinished(self: &Arc<Self>) -> Charge {
        self.charge(|origin| &origin.unfinished)
    }

    fn charge(self: &Arc<Self>, budget: fn(&Origin) -> &Budget) -> Charge {
        Charge {
            origin: Arc::clone(self),
            budget,
            bytes: 0,
        }
    }
}

impl Budget {
    fn of(most: usize) -> Self {
        Self {
            taken: AtomicUsize::new(0),
            most,
        }
    }
}

impl Charge {
    /// It is so much now; whether that is within the bounds of the address.
    pub fn grow_to(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        self.bytes += more;
        let budget = (self.budget)(&self.origin);
        budget.taken.fetch_add(more, Ordering::Relaxed) + more <= budget.most
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        let Origin { share, limits, .. } = &*self.origin;
        share.took(work_for(self.since.elapsed(), limits.events));
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let budget = (self.budget)(&self.origin);
        budget.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn who_is_alone_is_found_out() {
        let start = Instant::now();
        let (company, one, two) = (Company::new(start), [127, 0, 0, 1].into(), [127, 0, 0, 2].into());
        let at = |address, seconds| company.of(address, start + Duration::from_secs(seconds));
        assert!(!at(one, 0) && !at(one, 5));
        assert!(at(two, 10) && at(two, 11) && at(one, 20) && at(one, 30));
        assert!(!at(one, 31), "the other one was last heard of too long ago");
        assert!(at(two, 40));
        assert!(!at(one, 60), "so was this one");
    }

    #[test]
    fn an_address_has_so_many_connections_and_is_forgotten_after_the_last() {
        let limits = PerAddress {
            connections: 2,
            ..PerAddress::default()
        };
        let (origins, one, two) = (Origins::new(limits), [127, 0, 0, 1].into(), [127, 0, 0, 2].into());
        let mut held: Vec<_> = (0..2)
            .map(|_| origins.origin(one).enter(false).unwrap())
            .collect();
        assert!(origins.origin(one).enter(false).is_none());
        assert!(origins.origin(two).enter(false).is_some());
        assert!(origins.origin(one).enter(true).is_some());
        held.pop();
        assert!(origins.origin(one).enter(false).is_some());
        origins.forget_absent();
        assert_eq!(origins.all.lock().len(), 1, "nobody is connected from the other");
        held.clear();
        origins.forget_absent();
        assert!(origins.all.lock().is_empty());
    }

    #[test]
    fn who_leaves_and_comes_back_owes_what_was_taken() {
        let (origins, address) = (Origins::new(PerAddress::default()), [127, 0, 0, 1].into());
        origins.origin(address).share().took(Duration::from_secs(5));
        origins.forget_absent();
        assert!(origins.origin(address).share().is_exceeded());
    }
}
