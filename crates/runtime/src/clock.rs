//! What time it is. Code that decides by the time takes a [`Clock`], so that a test can set it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

/// A clock.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// The system's.
    #[default]
    System,
    /// One that stands where it is put.
    Fixed(Arc<AtomicU64>),
}

impl Clock {
    /// A clock that stands at these unix seconds.
    pub fn fixed(unix_seconds: u64) -> Self {
        Self::Fixed(Arc::new(AtomicU64::new(unix_seconds)))
    }

    /// Unix seconds.
    pub fn now(&self) -> u64 {
        match self {
            Self::System => unix_millis() / 1000,
            Self::Fixed(now) => now.load(Ordering::Relaxed),
        }
    }

    /// Puts a fixed clock forward; the system's cannot be.
    pub fn advance(&self, seconds: u64) {
        if let Self::Fixed(now) = self {
            now.fetch_add(seconds, Ordering::Relaxed);
        }
    }
}

/// Unix milliseconds by the system's clock.
pub fn unix_millis() -> u64 {
    // A clock before 1970 is no clock.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}
