//! Accepting connections until the process is told to stop.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, extract::ConnectInfo};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::Service;
use tracing::{debug, warn};

use crate::share::timed;

/// Headers of a handshake; what clients send fits many times over.
const HEADER_BYTES: usize = 16 * 1024;

/// Pause when the system has no file left for another connection.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// What the system and the runtime do for a connection from its beginning to its end, where nobody sees it: measured at ten thousand at
/// once, all time less what is seen.
const UNSEEN: Duration = Duration::from_micros(75);

/// What a connection has cost so far, before it is known whose it is.
#[derive(Debug, Clone, Default)]
pub struct Spent(Arc<AtomicU64>);

impl Spent {
    /// All of it.
    pub fn time(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    fn add(&self, time: Duration) {
        self.0.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }
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
    let (began, spent) = (Instant::now(), Spent::default());
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "could not switch delays off");
    }
    let so_far = spent.clone();
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        let known = request.extensions_mut();
        known.insert(ConnectInfo(peer));
        known.insert(so_far.clone());
        router.clone().call(request)
    });
    let connection = http
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let connection = async move {
        if let Err(error) = connection.await {
            debug!(%peer, %error, "an HTTP connection ended");
        }
    };
    spent.add(began.elapsed() + UNSEEN);
    tokio::spawn(timed(connection, move |time| spent.add(time)));
}
