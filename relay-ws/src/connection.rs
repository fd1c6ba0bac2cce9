//! What this process knows of one client.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Instant,
};

use ahash::{AHashMap, AHashSet};
use parking_lot::Mutex;
use protocol::{EventId, SubscriptionId};
use pubsub::ConnectionId;
use queue::jobs::Client;

use crate::{
    line::Line,
    origins::{Entered, OnItsWay, Origin},
    owed::{Debt, Owed, Owing},
    proofs::Proofs,
    reconciliations::Reconciliations,
    subscriptions::{Hung, Subscription},
    unfinished::Unfinished,
};

/// A client, from its handshake to its end.
#[derive(Debug)]
pub struct Connection {
    /// Its id.
    pub id: ConnectionId,
    /// Where it comes from, seen through trusted proxies.
    pub address: IpAddr,
    /// What it shares with all who come from there; none for who is not let in.
    pub entered: Option<Entered>,
    /// The host that it asked for: one of our names, for NIP-42.
    pub host: Option<String>,
    /// The way to say something.
    pub line: Arc<Line>,
    /// Its traffic.
    pub traffic: Traffic,
    /// Signs of life.
    pub pulse: Pulse,
    /// The message that it is sending.
    pub unfinished: Unfinished,
    /// Bad messages in this minute.
    pub invalid_messages: AtomicU32,
    /// Its open reconciliations (NIP-77).
    pub reconciliations: Reconciliations,
    /// The keys that it has proven (NIP-42).
    pub proofs: Proofs,
    subscriptions: Mutex<AHashMap<SubscriptionId, Registered>>,
    owed: Mutex<Owed>,
    generations: AtomicU64,
}

/// A subscription and where it hangs in the index.
#[derive(Debug)]
pub struct Registered {
    /// The subscription.
    pub subscription: Arc<Subscription>,
    /// Its places.
    pub hung: Hung,
}

/// Counters since they were last written to Redis.
#[derive(Debug, Default)]
pub struct Traffic {
    /// Messages from the client.
    pub requests: AtomicU64,
    /// Bytes from the client.
    pub incoming: AtomicU64,
    /// Bytes to the client.
    pub outgoing: AtomicU64,
}

impl Traffic {
    /// Messages, bytes in and bytes out, which start from zero again.
    pub fn take(&self) -> [u64; 3] {
        [&self.requests, &self.incoming, &self.outgoing].map(|counter| counter.swap(0, Ordering::Relaxed))
    }
}

/// When the client was heard last.
#[derive(Debug)]
pub struct Pulse {
    began: Instant,
    heard_ms: AtomicU64,
    pinged: AtomicBool,
}

impl Pulse {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            heard_ms: AtomicU64::new(0),
            pinged: AtomicBool::new(false),
        }
    }

    /// Something came.
    pub fn heard(&self) {
        self.heard_ms
            .store(self.began.elapsed().as_millis() as u64, Ordering::Relaxed);
        self.pinged.store(false, Ordering::Relaxed);
    }

    /// Milliseconds of silence.
    pub fn silence_ms(&self) -> u64 {
        (self.began.elapsed().as_millis() as u64).saturating_sub(self.heard_ms.load(Ordering::Relaxed))
    }

    /// Whether a ping is due in this silence: once.
    pub fn ping_is_due(&self) -> bool {
        !self.pinged.swap(true, Ordering::Relaxed)
    }
}

impl Connection {
    /// A new one.
    pub fn new(
        address: IpAddr,
        entered: Option<Entered>,
        host: Option<String>,
        line: Arc<Line>,
        unfinished: Unfinished,
    ) -> Self {
        Self {
            id: line.id(),
            address,
            entered,
            host,
            line,
            traffic: Traffic::default(),
            pulse: Pulse::new(),
            unfinished,
            invalid_messages: AtomicU32::new(0),
            reconciliations: Reconciliations::default(),
            proofs: Proofs::default(),
            subscriptions: Mutex::default(),
            owed: Mutex::default(),
            generations: AtomicU64::new(0),
        }
    }

    /// What it shares with all who come from there.
    pub fn origin(&self) -> Option<&Arc<Origin>> {
        self.entered.as_ref().map(Entered::origin)
    }

    /// A number that no subscription or query of this connection had before.
    pub fn next_generation(&self) -> u64 {
        1 + self.generations.fetch_add(1, Ordering::Relaxed)
    }

    /// Registers a subscription; returns the one that it replaces.
    pub fn subscribe(&self, registered: Registered) -> Option<Registered> {
        let id = registered.subscription.id.clone();
        self.subscriptions.lock().insert(id, registered)
    }

    /// Takes a subscription out.
    pub fn unsubscribe(&self, id: &str) -> Option<Registered> {
        self.subscriptions.lock().remove(id)
    }

    /// Takes a subscription out if it is still this one.
    pub fn unsubscribe_this(&self, subscription: &Subscription) -> Option<Registered> {
        let mut subscriptions = self.subscriptions.lock();
        let registered = subscriptions.get(subscription.id.as_str())?;
        if std::ptr::eq(Arc::as_ptr(&registered.subscription), subscription) {
            subscriptions.remove(subscription.id.as_str())
        } else {
            None
        }
    }

    /// Takes all out.
    pub fn unsubscribe_all(&self) -> Vec<Registered> {
        self.subscriptions
            .lock()
            .drain()
            .map(|(_, registered)| registered)
            .collect()
    }

    /// A subscription by its name.
    pub fn subscription(&self, id: &str) -> Option<Arc<Subscription>> {
        self.subscriptions
            .lock()
            .get(id)
            .map(|registered| Arc::clone(&registered.subscription))
    }

    /// All subscriptions.
    pub fn subscriptions(&self) -> Vec<Arc<Subscription>> {
        self.subscriptions
            .lock()
            .values()
            .map(|registered| Arc::clone(&registered.subscription))
            .collect()
    }

    /// How many subscriptions there are.
    pub fn subscription_count(&self) -> usize {
        self.subscriptions.lock().len()
    }

    /// How many others than `id` there are.
    pub fn other_subscriptions(&self, id: &str) -> usize {
        let subscriptions = self.subscriptions.lock();
        subscriptions.len() - usize::from(subscriptions.contains_key(id))
    }

    /// Owes an answer until `at`.
    pub fn owe(&self, debt: Debt, at: Instant, place: Option<OnItsWay>) -> Owing {
        self.owed.lock().owe(debt, at, place)
    }

    /// Whether this is owed.
    pub fn owes(&self, debt: &Debt) -> bool {
        self.owed.lock().contains(debt)
    }

    /// Those of these events that an OK is owed for.
    pub fn owed_events(&self, among: &AHashSet<EventId>) -> Vec<EventId> {
        self.owed.lock().events(among)
    }

    /// How many counts are owed.
    pub fn owed_counts(&self) -> usize {
        self.owed.lock().counts()
    }

    /// Nobody waits for answers any more.
    pub fn forget_debts(&self) {
        *self.owed.lock() = Owed::default();
    }

    /// Settles a debt: how many answers it was.
    pub fn settle(&self, debt: &Debt) -> u32 {
        self.owed.lock().settle(debt)
    }

    /// Takes out the debts that are late.
    pub fn overdue(&self, now: Instant) -> Vec<(Debt, u32)> {
        self.owed.lock().overdue(now)
    }

    /// Whether no answer is owed.
    pub fn owes_nothing(&self) -> bool {
        self.owed.lock().is_empty()
            && !self
                .subscriptions
                .lock()
                .values()
                .any(|registered| registered.subscription.is_replaying())
    }

    /// Who the client has proven to be.
    pub fn client(&self) -> Arc<Client> {
        self.proofs.client()
    }
}
