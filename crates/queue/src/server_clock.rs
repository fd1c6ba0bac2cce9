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
        now.checked_sub(age(asked_ms, now.duration_since(asked), then_ms))
            .unwrap_or(now)
    }
}

/// How old what is dated `then_ms` is, so long after Redis said that it was `asked_ms`.
fn age(asked_ms: u64, since: Duration, then_ms: u64) -> Duration {
    (Duration::from_millis(asked_ms) + since).saturating_sub(Duration::from_millis(then_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_by_the_clock_of_redis_and_the_time_that_passed_here() {
        let second = Duration::from_secs(1);
        assert_eq!(age(10_000, Duration::ZERO, 7_000), 3 * second);
        assert_eq!(age(10_000, 2 * second, 7_000), 5 * second);
        assert_eq!(
            age(10_000, second, 99_000),
            Duration::ZERO,
            "its clock was put back"
        );
    }
}
