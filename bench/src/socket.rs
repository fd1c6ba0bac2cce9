//! A websocket client that costs little: no masking work, no UTF-8 check, one read buffer for all connections.
//!
//! In: messages to send. Out: the text of each message that came, borrowed for the length of a callback.

use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    net::Ipv4Addr,
    pin::Pin,
    task::{Poll, ready},
};

use anyhow::{Context, bail, ensure};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf},
    net::{TcpSocket, TcpStream},
};

use crate::{frame, target::Target};

thread_local! {
    /// Ten thousand connections share one buffer; what is left of an incomplete frame moves to the connection.
    static READ_BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; 256 * 1024]);
}

/// Longest answer to a handshake.
const MAX_HANDSHAKE: usize = 16 * 1024;

/// One connection.
pub struct Socket {
    stream: TcpStream,
    /// The start of a frame whose rest has not come yet.
    partial: Vec<u8>,
    /// Earlier frames of a message in several frames.
    fragments: Vec<u8>,
    out: Vec<u8>,
}

impl Socket {
    /// Connects, from a given source address or from any, and shakes hands. No compression is offered.
    pub async fn connect(target: &Target, source: Option<Ipv4Addr>) -> anyhow::Result<Self> {
        Self::connect_offering(target, source, "").await
    }

    /// The same, where what we send may be compressed; what comes is not unpacked.
    pub async fn connect_compressed(target: &Target, source: Option<Ipv4Addr>) -> anyhow::Result<Self> {
        let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
        Self::connect_offering(target, source, offer).await
    }

    async fn connect_offering(
        target: &Target,
        source: Option<Ipv4Addr>,
        offer: &str,
    ) -> anyhow::Result<Self> {
        let stream = open(target, source)
            .await
            .with_context(|| format!("connecting to {}", target.address))?;
        stream.set_nodelay(true)?;
        let mut socket = Self {
            stream,
            partial: Vec::new(),
            fragments: Vec::new(),
            out: Vec::new(),
        };
        socket
            .shake_hands(target, offer)
            .await
            .context("websocket handshake")?;
        Ok(socket)
    }

    async fn shake_hands(&mut self, target: &Target, offer: &str) -> anyhow::Result<()> {
        // The key only proves that the server read it; every connection may have the same.
        let request = format!(
            "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{offer}\r\n",
            target.path, target.address
        );
        self.stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::with_capacity(512);
        let end = loop {
            if let Some(end) = memchr::memmem::find(&answer, b"\r\n\r\n") {
                break end + 4;
            }
            ensure!(answer.len() < MAX_HANDSHAKE, "the answer does not end");
            if self.stream.read_buf(&mut answer).await? == 0 {
                bail!("closed: {}", String::from_utf8_lossy(&answer));
            }
        };
        ensure!(
            answer.starts_with(b"HTTP/1.1 101"),
            "{}",
            String::from_utf8_lossy(&answer[..end])
        );
        self.partial = answer.split_off(end);
        self.partial.shrink_to_fit();
        Ok(())
    }

    /// Whether something came with the handshake already.
    pub fn has_been_told(&self) -> bool {
        !self.partial.is_empty()
    }

    /// Queues a text message, given in parts.
    pub fn queue(&mut self, parts: &[&[u8]]) {
        frame::push(&mut self.out, frame::TEXT, parts);
    }

    /// Queues a text message that is deflated already.
    pub fn queue_compressed(&mut self, message: &[u8]) {
        frame::push(&mut self.out, frame::COMPRESSED | frame::TEXT, &[message]);
    }

    /// Queues a frame whose second half, as long as the first, never comes; as a fragment or as a whole message.
    pub fn queue_half(&mut self, half: &[u8], fragment: bool) {
        let start = self.out.len();
        frame::push(&mut self.out, frame::TEXT, &[half, half]);
        self.out.truncate(self.out.len() - half.len());
        if fragment {
            self.out[start] &= !frame::LAST;
        }
    }

    /// Reads one byte, if there is any.
    pub async fn sip(&mut self) -> io::Result<()> {
        self.stream.read_u8().await.map(drop)
    }

    /// Sends what is queued, in one write if the kernel takes it.
    pub async fn flush(&mut self) -> io::Result<()> {
        if !self.out.is_empty() {
            self.stream.write_all(&self.out).await?;
            self.out.clear();
            // The buffer of a burst is not kept by ten thousand connections.
            self.out.shrink_to(64 * 1024);
        }
        Ok(())
    }

    /// Waits until something came, takes it with one read and hands out each complete message. Cancel-safe.
    /// An answer to a ping is queued: callers flush before they wait again.
    pub async fn read(&mut self, mut on_message: impl FnMut(&[u8])) -> io::Result<()> {
        poll_fn(|context| {
            READ_BUFFER.with_borrow_mut(|buffer| {
                let mut buffer = ReadBuf::new(buffer);
                ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
                Poll::Ready(match buffer.filled() {
                    [] => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the relay hung up")),
                    fresh => self.take(fresh, &mut on_message),
                })
            })
        })
        .await
    }

    fn take(&mut self, fresh: &[u8], on_message: &mut impl FnMut(&[u8])) -> io::Result<()> {
        if self.partial.is_empty() {
            let used = self.frames(fresh, on_message)?;
            self.partial.extend_from_slice(&fresh[used..]);
        } else {
            let mut bytes = std::mem::take(&mut self.partial);
            bytes.extend_from_slice(fresh);
            let used = self.frames(&bytes, on_message)?;
            bytes.drain(..used);
            bytes.shrink_to(4 * 1024);
            self.partial = bytes;
        }
        Ok(())
    }

    fn frames(&mut self, bytes: &[u8], on_message: &mut impl FnMut(&[u8])) -> io::Result<usize> {
        let mut used = 0;
        while let Some((frame, length)) = frame::parse(&bytes[used..]) {
            used += length;
            match (frame.opcode, frame.last) {
                (frame::TEXT | frame::BINARY, true) => on_message(frame.payload),
                (frame::TEXT | frame::BINARY, false) => self.fragments = frame.payload.to_vec(),
                (frame::CONTINUATION, last) => {
                    self.fragments.extend_from_slice(frame.payload);
                    if last {
                        on_message(&std::mem::take(&mut self.fragments));
                    }
                }
                (frame::PING, _) => frame::push(&mut self.out, frame::PONG, &[frame.payload]),
                (frame::CLOSE, _) => return Err(closed(frame.payload)),
                _ => {}
            }
        }
        Ok(used)
    }
}

/// A connection to where the target is, from a given source address or from any.
pub async fn open(target: &Target, source: Option<Ipv4Addr>) -> io::Result<TcpStream> {
    let socket = if target.address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    if let Some(source) = source {
        socket.bind((source, 0).into())?;
    }
    socket.connect(target.address).await
}

fn closed(payload: &[u8]) -> io::Error {
    let (code, reason) = payload.split_at(payload.len().min(2));
    let code = code.iter().fold(0, |code, byte| code << 8 | u32::from(*byte));
    io::Error::new(
        io::ErrorKind::ConnectionAborted,
        format!("the relay closed with {code} {}", String::from_utf8_lossy(reason)),
    )
}
