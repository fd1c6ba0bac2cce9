//! What has begun to come and is no whole message yet. Whoever sends halves takes memory for as long as the rest does not come: so an
//! address may have only so many bytes of them, and each has to be whole in time.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{
    line::Line,
    origins::{Charge, Origin},
    outbox::{Close, CloseReason},
};

/// Bytes of a message before it counts for its address.
const SMALL: usize = 16 * 1024;

/// The header of a control frame from a client.
const CONTROL_HEADER: usize = 6;

/// The message that comes over one connection, counted as its bytes are read: what is read together with the end of another message is
/// not.
#[derive(Debug, Clone, Default)]
pub struct Unfinished(Arc<Mutex<Begun>>);

#[derive(Debug, Default)]
struct Begun {
    /// Whose it is; none until the connection is a websocket.
    sender: Option<Sender>,
    bytes: usize,
    since: Option<Instant>,
    charge: Option<Charge>,
}

#[derive(Debug)]
struct Sender {
    origin: Arc<Origin>,
    line: Arc<Line>,
}

impl Unfinished {
    /// The connection is a websocket from now on, of somebody from there.
    pub fn is_from(&self, origin: Arc<Origin>, line: Arc<Line>) {
        self.0.lock().sender = Some(Sender { origin, line });
    }

    /// A message is whole.
    pub fn whole(&self) {
        let mut begun = self.0.lock();
        (begun.bytes, begun.since, begun.charge) = (0, None, None);
    }

    /// A control frame came, which may stand between the fragments of a message: it is not a part of that.
    pub fn control(&self, payload: usize) {
        let mut begun = self.0.lock();
        begun.bytes = begun.bytes.saturating_sub(CONTROL_HEADER + payload);
        if begun.bytes == 0 {
            begun.since = None;
        }
    }

    /// Whether a message began so long ago.
    pub fn is_overdue(&self, patience: Duration) -> bool {
        self.0
            .lock()
            .since
            .is_some_and(|since| since.elapsed() >= patience)
    }

    /// So many bytes came; whether their address may have them. Else the connection is closed.
    fn came(&self, more: usize) -> bool {
        let mut begun = self.0.lock();
        let Begun {
            sender: Some(Sender { origin, line }),
            bytes,
            since,
            charge,
        } = &mut *begun
        else {
            return true;
        };
        *bytes += more;
        since.get_or_insert_with(Instant::now);
        let is_within = *bytes <= SMALL
            || charge
                .get_or_insert_with(|| origin.charge_unfinished())
                .grow_to(*bytes);
        if !is_within {
            let text = "too slow: messages of your address are not completed";
            line.close(Close::because(CloseReason::TooSlow, text));
        }
        is_within
    }
}

/// A stream whose bytes are counted as they are read.
#[derive(Debug)]
pub struct Counted<S> {
    stream: S,
    unfinished: Unfinished,
}

impl<S> Counted<S> {
    /// Counts them there.
    pub fn new(stream: S, unfinished: Unfinished) -> Self {
        Self { stream, unfinished }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let came = buffer.filled().len() - before;
        if self.unfinished.came(came) {
            Poll::Ready(Ok(()))
        } else {
            // Nothing more is read. The close that waits in the outbox wakes the connection.
            Poll::Pending
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use runtime::config::PerAddress;

    use super::*;
    use crate::{origins::Origins, outbox::OutboxLimits};

    fn line() -> Arc<Line> {
        Line::unheard(OutboxLimits {
            messages: 10,
            bytes: 1000,
        })
    }

    fn halves(unfinished_bytes: usize, count: usize) -> Vec<Unfinished> {
        let origins = Origins::new(PerAddress {
            unfinished_bytes,
            ..PerAddress::default()
        });
        let origin = origins.origin([127, 0, 0, 1].into());
        let halves = (0..count).map(|_| {
            let half = Unfinished::default();
            assert!(half.came(1 << 20), "nobody's yet");
            half.is_from(Arc::clone(&origin), line());
            half
        });
        halves.collect()
    }

    #[test]
    fn an_address_has_so_much_that_is_unfinished() {
        let halves = halves(100_000, 3);
        assert!(halves[0].came(60_000) && halves[1].came(SMALL) && !halves[1].came(40_000));
        assert!(halves[2].came(SMALL), "little is always had");
    }

    #[test]
    fn what_is_whole_or_gone_does_not_count() {
        let mut halves = halves(100_000, 3);
        assert!(halves[0].came(60_000) && halves[1].came(30_000));
        halves[0].whole();
        assert!(halves[0].came(60_000), "another message");
        drop(halves.remove(1));
        assert!(halves[1].came(40_000));
    }

    #[test]
    fn control_frames_are_not_part_of_a_message() {
        let half = halves(20_000, 1).remove(0);
        for _ in 0..10_000 {
            assert!(half.came(CONTROL_HEADER + 4));
            half.control(4);
        }
        assert!(!half.is_overdue(Duration::ZERO), "there is none");
        assert!(half.came(100) && half.came(CONTROL_HEADER));
        half.control(0);
        assert!(half.is_overdue(Duration::ZERO) && !half.is_overdue(Duration::from_secs(60)));
        half.whole();
        assert!(!half.is_overdue(Duration::ZERO));
    }
}
