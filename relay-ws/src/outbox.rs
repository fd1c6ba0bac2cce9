//! What waits for one socket. Whoever has something to say appends and goes on; only the socket's own task waits for it.

use std::collections::VecDeque;

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::origins::{Charge, Origin};

/// Close codes that clients and operators know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// 3403: the client is not allowed here, or not any more; or an operator blocked the address.
    Restricted,
    /// 3408: nothing came for too long.
    Idle,
    /// 3503: maintenance, or too many connections.
    Unavailable,
    /// 4001: the client reads slower than its subscriptions fill.
    TooSlow,
    /// 4002: bad messages without end.
    Abuse,
    /// 1001: this process is going down.
    GoingAway,
}

/// The end of a connection as we want it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// RFC 6455 close code.
    pub code: u16,
    /// For people; at most 123 bytes travel.
    pub reason: String,
}

impl Close {
    /// A close of ours.
    pub fn because(reason: CloseReason, text: &str) -> Self {
        let code = match reason {
            CloseReason::GoingAway => 1001,
            CloseReason::Restricted => 3403,
            CloseReason::Idle => 3408,
            CloseReason::Unavailable => 3503,
            CloseReason::TooSlow => 4001,
            CloseReason::Abuse => 4002,
        };
        Self {
            code,
            reason: text.to_owned(),
        }
    }
}

/// How much may wait.
#[derive(Debug, Clone, Copy)]
pub struct OutboxLimits {
    /// Messages.
    pub messages: usize,
    /// Bytes of all of them.
    pub bytes: usize,
}

/// Messages for one socket, in order, within bounds.
#[derive(Debug)]
pub struct Outbox {
    waiting: Mutex<Waiting>,
    limits: OutboxLimits,
    /// What the sockets of the same address share.
    origin: Option<Arc<Origin>>,
    /// Something is to be written.
    wake: Notify,
    /// The connection ends: a write that is stuck must not go on for ever.
    ending: Notify,
}

/// What is to be written next.
#[derive(Debug, Default)]
pub struct Waiting {
    /// Text messages.
    pub messages: VecDeque<Bytes>,
    /// A ping is due.
    pub ping: bool,
    /// Afterwards the socket is closed.
    pub close: Option<Close>,
    bytes: usize,
    /// What of it counts for the whole address, until it is written.
    charge: Option<Charge>,
}

/// Bytes that wait for a socket before it counts as slow.
const QUICK: usize = 64 * 1024;

impl Outbox {
    /// An empty one.
    pub fn new(limits: OutboxLimits, origin: Option<Arc<Origin>>) -> Self {
        Self {
            waiting: Mutex::default(),
            limits,
            origin,
            wake: Notify::new(),
            ending: Notify::new(),
        }
    }

    /// Appends a text message. Beyond the bounds the client has been too slow: what waits is dropped and the
    /// connection closed, so that it costs nobody else anything.
    pub fn push(&self, message: Bytes) {
        let mut waiting = self.waiting.lock();
        if waiting.close.is_some() {
            return;
        }
        waiting.bytes += message.len();
        waiting.messages.push_back(message);
        // One message alone is taken however large: it is bounded where events are accepted.
        let too_much = waiting.messages.len() > 1 && waiting.bytes > self.limits.bytes;
        if too_much || waiting.messages.len() > self.limits.messages || !self.charge(&mut waiting) {
            *waiting = Waiting {
                close: Some(Close::because(
                    CloseReason::TooSlow,
                    "too slow: messages were waiting in vain",
                )),
                ..Waiting::default()
            };
            self.ending.notify_one();
        }
        drop(waiting);
        self.wake.notify_one();
    }

    /// Counts what waits for a slow socket for its address; whether that may have so much waiting.
    fn charge(&self, waiting: &mut Waiting) -> bool {
        let (Some(origin), true) = (&self.origin, waiting.bytes > QUICK) else {
            return true;
        };
        let charge = waiting.charge.get_or_insert_with(|| origin.charge_waiting());
        charge.grow_to(waiting.bytes)
    }

    /// Sends a ping with the next write.
    pub fn ping(&self) {
        self.waiting.lock().ping = true;
        self.wake.notify_one();
    }

    /// Closes the connection after what waits already. The first close wins.
    pub fn close(&self, close: Close) {
        self.waiting.lock().close.get_or_insert(close);
        self.ending.notify_one();
        self.wake.notify_one();
    }

    /// Everything that waits, as soon as there is something.
    pub async fn next(&self) -> Waiting {
        loop {
            if let Some(waiting) = self.take() {
                return waiting;
            }
            self.wake.notified().await;
        }
    }

    fn take(&self) -> Option<Waiting> {
        let mut waiting = self.waiting.lock();
        if waiting.messages.is_empty() && !waiting.ping && waiting.close.is_none() {
            return None;
        }
        // The close stays: later messages must not start a new life of a connection that has been closed.
        let close = waiting.close.clone();
        Some(std::mem::replace(
            &mut *waiting,
            Waiting {
                close,
                ..Waiting::default()
            },
        ))
    }

    /// Waits for the end of the connection to be called for.
    pub async fn ending(&self) {
        self.ending.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use runtime::config::PerAddress;

    use super::*;
    use crate::origins::Origins;

    #[tokio::test]
    async fn keeps_the_order_and_ends_with_the_close() {
        let limits = OutboxLimits {
            messages: 10,
            bytes: 100,
        };
        let outbox = Outbox::new(limits, None);
        outbox.push(Bytes::from_static(b"1"));
        outbox.push(Bytes::from_static(b"2"));
        outbox.close(Close::because(CloseReason::Idle, "idle"));
        outbox.push(Bytes::from_static(b"late"));
        let waiting = outbox.next().await;
        assert_eq!(waiting.messages, ["1", "2"]);
        assert_eq!(waiting.close.unwrap().code, 3408);
    }

    #[tokio::test]
    async fn a_slow_reader_is_closed_and_its_messages_are_freed() {
        for limits in [
            OutboxLimits {
                messages: 2,
                bytes: 1000,
            },
            OutboxLimits {
                messages: 9,
                bytes: 2,
            },
        ] {
            let outbox = Outbox::new(limits, None);
            for _ in 0..3 {
                outbox.push(Bytes::from_static(b"x"));
            }
            let waiting = outbox.next().await;
            assert!(waiting.messages.is_empty());
            assert_eq!(waiting.close.unwrap().code, 4001);
            outbox.ending().await;
        }
    }

    #[tokio::test]
    async fn slow_readers_of_one_address_are_bounded_together_and_what_is_gone_does_not_count() {
        let origins = Origins::new(PerAddress {
            outbox_bytes: 1_000_000,
            connections: 10,
            ..PerAddress::default()
        });
        let limits = OutboxLimits {
            messages: 100,
            bytes: 900_000,
        };
        let reader = |address: [u8; 4]| Outbox::new(limits, Some(origins.origin(address.into())));
        let is_closed = |outbox: &Outbox| outbox.waiting.lock().close.is_some();
        let half = Bytes::from(vec![b'x'; 600_000]);
        let (one, two, other) = (
            reader([127, 0, 0, 1]),
            reader([127, 0, 0, 1]),
            reader([127, 0, 0, 2]),
        );
        for outbox in [&one, &two, &other] {
            outbox.push(half.clone());
        }
        assert_eq!([&one, &two, &other].map(is_closed), [false, true, false]);
        drop(one.next().await);
        let three = reader([127, 0, 0, 1]);
        three.push(half.clone());
        assert!(!is_closed(&three), "what was written or dropped does not count");
        drop(three);
        one.push(half);
        assert!(!is_closed(&one));
    }
}
