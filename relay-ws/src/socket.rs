//! One socket: reads messages into the handlers, writes what waits in the outbox.

use std::{
    pin::pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use futures::{Sink, SinkExt};
use tracing::debug;
use yawc::{CompressionLevel, Frame, HttpWebSocket, Options, close::CloseCode, frame::OpCode};

use crate::{
    connection::Connection,
    handlers::Cx,
    outbox::{Close, Waiting},
    relay::Relay,
    share::Reading,
};

/// How long a write that is stuck, and a farewell, may last when the connection is to end.
const FAREWELL: Duration = Duration::from_secs(2);

/// Read buffer of an idle socket. It grows with a large message and shrinks again.
const READ_BUFFER: usize = 4096;

/// How a socket is to be handled.
pub fn options(config: &runtime::config::Config) -> Options {
    // Messages somewhat too long get an answer; only far longer ones end the connection, with code 1009.
    let most = 2 * config.limits.max_message_length + 65_536;
    let mut options = Options::default()
        .with_limits(most, 2 * most)
        .with_read_buffer_capacity(READ_BUFFER)
        .with_write_buffer_capacity(0);
    if config.websocket.compression {
        options = options.with_compression_level(CompressionLevel::fast());
        if !config.websocket.compression_context_takeover {
            options = options.server_no_context_takeover().client_no_context_takeover();
        }
    }
    options
}

/// Runs a connection to its end. Whoever wants to end it sooner closes its line.
pub async fn run(relay: &Arc<Relay>, connection: &Arc<Connection>, socket: &mut HttpWebSocket) {
    let cx = Cx { relay, connection };
    let outbox = connection.line.outbox();
    let mut reading = Reading::from(connection.origin().cloned(), &relay.settings);
    loop {
        tokio::select! {
            biased;
            waiting = outbox.next() => {
                if let Err(end) = write(connection, socket, waiting).await {
                    debug!(connection = %connection.id, ?end, "connection ended");
                    return;
                }
            }
            frame = reading.go_on(socket.next_frame()), if !relay.draining.is_cancelled() => match frame {
                Ok(frame) => match read_and_write(&cx, socket, frame).await {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(end) => {
                        debug!(connection = %connection.id, ?end, "connection ended");
                        return;
                    }
                },
                Err(error) => {
                    debug!(connection = %connection.id, %error, "connection lost");
                    return;
                }
            },
        }
    }
}

/// Handles a frame; whether the client stays. While that has to wait, what comes for the client is written all the same.
async fn read_and_write(cx: &Cx<'_>, socket: &mut HttpWebSocket, frame: Frame) -> Result<bool, End> {
    let (connection, outbox) = (cx.connection, cx.connection.line.outbox());
    let mut handled = pin!(read(cx, frame));
    loop {
        tokio::select! {
            biased;
            stays = &mut handled => return Ok(stays),
            waiting = outbox.next() => write(connection, socket, waiting).await?,
        }
    }
}

/// Handles a frame; whether the client stays.
async fn read(cx: &Cx<'_>, frame: Frame) -> bool {
    let (traffic, payload) = (&cx.connection.traffic, frame.payload());
    cx.connection.pulse.heard();
    traffic
        .incoming
        .fetch_add(payload.len() as u64, Ordering::Relaxed);
    match frame.opcode() {
        OpCode::Text => {
            cx.connection.unfinished.whole();
            traffic.requests.fetch_add(1, Ordering::Relaxed);
            match std::str::from_utf8(payload) {
                Ok(text) => cx.message(text).await,
                Err(_) => cx.refuse_all("invalid: message is not UTF-8"),
            }
            true
        }
        OpCode::Binary => {
            cx.connection.unfinished.whole();
            cx.refuse_all("invalid: binary messages are not part of Nostr");
            true
        }
        // yawc answers pings and closes by itself.
        OpCode::Close => false,
        OpCode::Ping | OpCode::Pong | OpCode::Continuation => {
            cx.connection.unfinished.control(payload.len());
            true
        }
    }
}

/// Why a connection ended while it was written to.
#[derive(Debug)]
enum End {
    Closed { _code: u16 },
    Stuck,
    Lost { _error: yawc::WebSocketError },
}

/// Writes what waits, with one flush. A client that does not read holds up nobody but itself, and not for ever.
async fn write(connection: &Connection, socket: &mut HttpWebSocket, waiting: Waiting) -> Result<(), End> {
    let Waiting {
        messages,
        ping,
        close,
        ..
    } = waiting;
    let bytes: usize = messages.iter().map(Bytes::len).sum();
    let outbox = connection.line.outbox();
    let impatience = async {
        outbox.ending().await;
        tokio::time::sleep(FAREWELL).await;
    };
    tokio::select! {
        written = write_all(socket, messages, ping) => written.map_err(|error| End::Lost { _error: error })?,
        () = impatience => return Err(End::Stuck),
    }
    connection
        .traffic
        .outgoing
        .fetch_add(bytes as u64, Ordering::Relaxed);
    match close {
        None => Ok(()),
        Some(close) => Err(farewell(socket, close).await),
    }
}

async fn write_all(
    socket: &mut (impl Sink<Frame, Error = yawc::WebSocketError> + Unpin),
    messages: impl IntoIterator<Item = Bytes>,
    ping: bool,
) -> Result<(), yawc::WebSocketError> {
    for message in messages {
        socket.feed(Frame::text(message)).await?;
    }
    if ping {
        socket.feed(Frame::ping(Bytes::new())).await?;
    }
    socket.flush().await
}

async fn farewell(socket: &mut HttpWebSocket, close: Close) -> End {
    let Close { code, reason } = close;
    // A control frame holds 125 bytes, two of them the code.
    let reason: String = reason
        .chars()
        .scan(0, |len, c| {
            *len += c.len_utf8();
            (*len <= 123).then_some(c)
        })
        .collect();
    let said = async {
        socket.send(Frame::close(CloseCode::from(code), reason)).await?;
        // The client answers with a close of its own; until then its socket must not be reset under the farewell.
        while !matches!(socket.next_frame().await?.opcode(), OpCode::Close) {}
        Ok::<(), yawc::WebSocketError>(())
    };
    if let Ok(Err(error)) = tokio::time::timeout(FAREWELL, said).await {
        debug!(%error, "a client left before the farewell");
    }
    End::Closed { _code: code }
}
