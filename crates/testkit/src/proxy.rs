//! A wire between a process and a server, for tests that cut it.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp::OwnedReadHalf, tcp::OwnedWriteHalf},
    sync::watch,
    task::JoinSet,
};

/// What the wire does to bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// They arrive.
    Good,
    /// They arrive, so much later.
    Slow(Duration),
    /// Those of connections that exist are lost and nobody is told, as when a firewall forgets them; new ones are fine.
    Swallowed,
    /// Connections break, and new ones break at once.
    Cut,
}

/// Forwards a port of this machine to a server. Ends with the test.
#[derive(Debug)]
pub struct Proxy {
    /// `127.0.0.1:<port>`
    pub address: String,
    wire: Arc<watch::Sender<Wire>>,
    _connections: JoinSet<()>,
}

impl Proxy {
    /// In front of `host:port`.
    pub async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address").to_string();
        let wire = Arc::new(watch::Sender::new(Wire::Good));
        let mut connections = JoinSet::new();
        connections.spawn(accept(listener, server.to_owned(), Arc::clone(&wire)));
        Self {
            address,
            wire,
            _connections: connections,
        }
    }

    /// From now on.
    pub fn set(&self, wire: Wire) {
        self.wire.send_replace(wire);
    }

    /// The URL of a server with this wire in between: `redis://…` or `postgres://…`.
    pub fn url(&self, url: &str) -> String {
        let (before, after) = split(url);
        format!("{before}{}{after}", self.address)
    }

    /// In front of the server that a URL names.
    pub async fn to_url(url: &str) -> Self {
        let (before, after) = split(url);
        Self::to(&url[before.len()..url.len() - after.len()]).await
    }
}

/// What stands before and behind `host:port`.
fn split(url: &str) -> (&str, &str) {
    let start = url.find("://").expect("a URL has a scheme") + 3;
    let end = url[start..].find('/').map_or(url.len(), |at| start + at);
    let start = url[start..end].rfind('@').map_or(start, |at| start + at + 1);
    (&url[..start], &url[end..])
}

async fn accept(listener: TcpListener, server: String, wire: Arc<watch::Sender<Wire>>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        if *wire.borrow() != Wire::Cut {
            let mut wire = wire.subscribe();
            // What was set before does not concern this one.
            let was_swallowed = *wire.borrow_and_update() == Wire::Swallowed;
            connections.spawn(forward(client, server.clone(), wire, was_swallowed));
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn forward(client: TcpStream, server: String, wire: watch::Receiver<Wire>, is_new: bool) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    for stream in [&client, &server] {
        stream.set_nodelay(true).expect("a TCP option");
    }
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let mut cut = wire.clone();
    let there = pump(from_client, to_server, wire.clone(), is_new);
    let back = pump(from_server, to_client, wire, is_new);
    tokio::select! {
        () = there => {}
        () = back => {}
        _cut = cut.wait_for(|wire| *wire == Wire::Cut) => {}
    }
}

/// `is_new`: made while older ones were swallowed, and so is not.
async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, wire: watch::Receiver<Wire>, is_new: bool) {
    let mut buffer = vec![0; 64 * 1024];
    let mut is_lost = false;
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let now = *wire.borrow();
        is_lost |= now == Wire::Swallowed && !is_new;
        if is_lost {
            continue;
        }
        if let Wire::Slow(delay) = now {
            tokio::time::sleep(delay).await;
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
    if is_lost {
        // Not even that it has ended.
        std::future::pending::<()>().await;
    }
}
