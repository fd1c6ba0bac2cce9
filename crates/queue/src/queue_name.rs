//! The queues. Each has workers of its own, so a heavy COUNT never delays an EVENT.

use std::fmt;

/// A queue. The key of its stream is `<namespace>queue:<name>`: a queue and a setting are both called `maintenance`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Queue {
    /// `nostr:auth`: auth levels of proven keys.
    Auth,
    /// `nostr:req`: stored events for subscriptions.
    Req,
    /// `nostr:event`: events to be stored.
    Event,
    /// `nostr:count`: events to be counted.
    Count,
    /// `nostr:negentropy`: sets of events to be reconciled.
    Negentropy,
    /// `nostr:search`: stored events for subscriptions that search (NIP-50).
    Search,
    /// `nostr:import`: events from elsewhere; plugins may add jobs.
    Import,
    /// `nostr:management`: what operators ask for by NIP-86.
    Management,
    /// `maintenance`: what recurs.
    Maintenance,
}

impl Queue {
    /// All queues.
    pub const ALL: [Self; 9] = [
        Self::Auth,
        Self::Req,
        Self::Event,
        Self::Count,
        Self::Negentropy,
        Self::Search,
        Self::Import,
        Self::Management,
        Self::Maintenance,
    ];

    /// The name, as plugins know it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auth => "nostr:auth",
            Self::Req => "nostr:req",
            Self::Event => "nostr:event",
            Self::Count => "nostr:count",
            Self::Negentropy => "nostr:negentropy",
            Self::Search => "nostr:search",
            Self::Import => "nostr:import",
            Self::Management => "nostr:management",
            Self::Maintenance => "maintenance",
        }
    }
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
