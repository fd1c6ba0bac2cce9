//! Limits per address that hold across processes.
//!
//! Each process counts in memory and once a second adds what it counted to a sorted set in Redis (`requests:<address>`),
//! which answers with the sum over all processes and lives for one window. So a limit holds to within what an address
//! does in a second, and no message costs a round trip.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use ahash::AHashMap;
use fred::{
    clients::Client,
    interfaces::{FredResult, KeysInterface, SortedSetsInterface},
    types::ExpireOptions,
};
use metrics::counter;
use parking_lot::Mutex;
use pubsub::Keys;
use runtime::config::RateLimits as Limits;
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A handshake.
    Connection,
    /// An EVENT.
    Event,
    /// A REQ.
    Req,
    /// A COUNT.
    Count,
    /// An AUTH.
    Auth,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Connection, Self::Event, Self::Req, Self::Count, Self::Auth];

    /// Its member in the sorted set, and its label in the metrics.
    pub const fn member(self) -> &'static str {
        match self {
            Self::Connection => "connections",
            Self::Event => "events",
            Self::Req => "reqs",
            Self::Count => "counts",
            Self::Auth => "auths",
        }
    }
}

/// The counts of all addresses that were here in this window.
#[derive(Debug)]
pub struct RateLimits {
    most: [u64; Action::ALL.len()],
    window: Duration,
    addresses: Mutex<AHashMap<IpAddr, Counts>>,
}

#[derive(Debug)]
struct Counts {
    /// Over all processes, as Redis said last.
    known: [u64; Action::ALL.len()],
    /// Here since then.
    fresh: [u64; Action::ALL.len()],
    ends: Instant,
}

impl RateLimits {
    /// With nothing counted yet.
    pub fn new(limits: &Limits) -> Self {
        let Limits {
            connections,
            events,
            reqs,
            counts,
            auths,
            window_s,
            ..
        } = *limits;
        Self {
            most: [connections, events, reqs, counts, auths].map(u64::from),
            window: Duration::from_secs(u64::from(window_s)),
            addresses: Mutex::default(),
        }
    }

    /// Counts an action; whether it is within the limit.
    pub fn allow(&self, address: IpAddr, action: Action) -> bool {
        let (at, now) = (action as usize, Instant::now());
        if self.most[at] == 0 {
            return true;
        }
        let mut addresses = self.addresses.lock();
        let counts = addresses
            .entry(address)
            .or_insert_with(|| Counts::until(now + self.window));
        if counts.ends <= now {
            *counts = Counts::until(now + self.window);
        }
        counts.fresh[at] += 1;
        let allowed = counts.known[at] + counts.fresh[at] <= self.most[at];
        if !allowed {
            counter!("relay_rate_limited_total", "what" => action.member()).increment(1);
        }
        allowed
    }

    /// Exchanges counts with the other processes once a second until `stop`.
    pub async fn exchange(self: Arc<Self>, client: Client, keys: Keys, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            for (address, fresh) in self.take_fresh() {
                match self.add(&client, &keys, address, &fresh).await {
                    Ok((known, ends)) => self.learn(address, known, ends),
                    // Counted here alone meanwhile.
                    Err(error) => debug!(%error, "could not exchange counts of an address"),
                }
            }
        }
    }

    fn take_fresh(&self) -> Vec<(IpAddr, [u64; Action::ALL.len()])> {
        let (mut addresses, now) = (self.addresses.lock(), Instant::now());
        addresses.retain(|_, counts| counts.ends > now);
        let fresh = addresses
            .iter_mut()
            .filter(|(_, counts)| counts.fresh != [0; Action::ALL.len()]);
        fresh
            .map(|(address, counts)| {
                let fresh = std::mem::take(&mut counts.fresh);
                counts
                    .known
                    .iter_mut()
                    .zip(fresh)
                    .for_each(|(known, fresh)| *known += fresh);
                (*address, fresh)
            })
            .collect()
    }

    async fn add(
        &self,
        client: &Client,
        keys: &Keys,
        address: IpAddr,
        fresh: &[u64; Action::ALL.len()],
    ) -> FredResult<([u64; Action::ALL.len()], Instant)> {
        let (key, pipeline) = (keys.address_requests(address), client.pipeline());
        for (action, fresh) in Action::ALL.iter().zip(fresh) {
            let _: () = pipeline.zincrby(&key, *fresh as f64, action.member()).await?;
        }
        let window = i64::try_from(self.window.as_millis()).unwrap_or(i64::MAX);
        let _: () = pipeline.pexpire(&key, window, Some(ExpireOptions::NX)).await?;
        let _: () = pipeline.pttl(&key).await?;
        let answers: Vec<f64> = pipeline.all().await?;
        let mut known = [0; Action::ALL.len()];
        known
            .iter_mut()
            .zip(&answers)
            .for_each(|(known, sum)| *known = *sum as u64);
        let left = answers.last().copied().unwrap_or_default().max(0.0);
        Ok((known, Instant::now() + Duration::from_millis(left as u64)))
    }

    fn learn(&self, address: IpAddr, known: [u64; Action::ALL.len()], ends: Instant) {
        if let Some(counts) = self.addresses.lock().get_mut(&address) {
            counts.known = known;
            counts.ends = ends;
        }
    }
}

impl Counts {
    fn until(ends: Instant) -> Self {
        Self {
            known: [0; Action::ALL.len()],
            fresh: [0; Action::ALL.len()],
            ends,
        }
    }
}
