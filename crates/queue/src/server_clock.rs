//! The clock of Redis, by which jobs are dated: that of this machine may be ahead or behind, and jump.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{QueueError, stream::Stream};

/// What Redis said last, and when that was.
#[derive(Debug, Default)]
pub(crate) struct ServerClock(Mutex<Option<(u64, Instant)>>);

impl ServerClock {
    /// Asks Redis.
    pub async fn set(&self, stream: &Stream) -> Result<(), QueueError> {
        let now_ms = stream.server_time_ms().await?;
        *self.0.lock() = Some((now_ms, Instant::now()));
        Ok(())
    }

    /// When, by our own clock that only goes forward, something happened at this time of Redis. Now, if Redis was never
    /// asked.
    pub fn instant(&self, then_ms: u64) -> Instant {
        let now = Instant::now();
        let Some((asked_ms, asked)) = *self.0.lock() else {
            return now;
        };
        let since_asked = u64::try_from(now.duration_since(asked).as_millis()).unwrap_or(u64::MAX);
        let age = asked_ms.saturating_add(since_asked).saturating_sub(then_ms);
        now.checked_sub(Duration::from_millis(age)).unwrap_or(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn ages_are_by_the_clock_of_redis_and_time_that_passed_here() {
        let clock = ServerClock::default();
        assert_eq!(clock.instant(5).elapsed(), Duration::ZERO, "not asked yet");
        // Wherever the clock of this machine stands.
        *clock.0.lock() = Some((10_000, Instant::now()));
        assert_eq!(clock.instant(7_000).elapsed(), Duration::from_secs(3));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(clock.instant(7_000).elapsed(), Duration::from_secs(5));
        assert_eq!(
            clock.instant(99_000).elapsed(),
            Duration::ZERO,
            "its clock was put back"
        );
    }
}
