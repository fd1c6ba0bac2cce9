//! Accepting connections until the process is told to stop.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use axum::Router;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
use tokio_util::sync::CancellationToken;
use tower::Service;
use tracing::{debug, warn};

use crate::{
    origins::Origin,
    share::timed,
    unfinished::{Counted, Unfinished},
};

/// Headers of a handshake; what clients send fits many times over.
const HEADER_BYTES: usize = 16 * 1024;

/// Connections that may wait to be accepted. Who finds no room tries again after a second: so much that a crowd fits in. Linux takes no
/// more than `net.core.somaxconn`, which is 4096.
const BACKLOG: u32 = 4096;

/// Pause when the system has no file left for another connection.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// What the system and the runtime do for a connection from its beginning to its end, where nobody sees it: measured at ten thousand at
/// once, all time less what is seen.
const UNSEEN: Duration = Duration::from_micros(75);

/// Who sends a request, as far as the system knows. Every request has it among its extensions.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The other end of the connection, which may be a proxy.
    pub peer: IpAddr,
    /// What the connection costs.
    pub spent: Spent,
    /// What comes over it.
    pub unfinished: Unfinished,
}

/// What a connection costs until it is a websocket: known before it is known whose it is.
#[derive(Debug, Clone, Default)]
pub struct Spent(Arc<Mutex<Bill>>);

#[derive(Debug, Default)]
struct Bill {
    unpaid: Duration,
    /// Whose the last request was.
    payer: Option<Arc<Origin>>,
}

impl Spent {
    /// An address sent the request that is read now: it pays for this and what comes.
    pub fn is_by(&self, origin: &Arc<Origin>) {
        let mut bill = self.0.lock();
        origin.share().took(std::mem::take(&mut bill.unpaid));
        bill.payer = Some(Arc::clone(origin));
    }

    fn add(&self, time: Duration) {
        let mut bill = self.0.lock();
        match &bill.payer {
            Some(origin) => origin.share().took(time),
            None => bill.unpaid += time,
        }
    }
}

/// Listens on the first address of that name that can be had.
pub async fn bind(listen: &str) -> io::Result<TcpListener> {
    let mut failed = io::Error::new(io::ErrorKind::InvalidInput, "no address of that name");
    for address in lookup_host(listen).await? {
        let bound = (|| {
            let socket = match address {
                SocketAddr::V4(_) => TcpSocket::new_v4()?,
                SocketAddr::V6(_) => TcpSocket::new_v6()?,
            };
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(BACKLOG)
        })();
        match bound {
            Ok(listener) => return Ok(listener),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// Serves `router` on a listener until `stop`. Connections that have become websockets go on.
pub async fn accept(listener: TcpListener, router: Router, handshake: Duration, stop: CancellationToken) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(handshake)
        .max_buf_size(HEADER_BYTES);
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => serve(&http, stream, peer, router.clone()),
            Err(error) => {
                warn!(%error, "could not accept a connection");
                tokio::time::sleep(EXHAUSTED).await;
            }
        }
    }
}

fn serve(http: &http1::Builder, stream: TcpStream, peer: SocketAddr, router: Router) {
    let (began, spent, unfinished) = (Instant::now(), Spent::default(), Unfinished::default());
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "could not switch delays off");
    }
    let caller = Caller {
        peer: peer.ip(),
        spent: spent.clone(),
        unfinished: unfinished.clone(),
    };
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(caller.clone());
        router.clone().call(request)
    });
    let connection = http
        .serve_connection(TokioIo::new(Counted::new(stream, unfinished)), service)
        .with_upgrades();
    let connection = async move {
        if let Err(error) = connection.await {
            debug!(%peer, %error, "an HTTP connection ended");
        }
    };
    spent.add(began.elapsed() + UNSEEN);
    tokio::spawn(timed(connection, move |time| spent.add(time)));
}
