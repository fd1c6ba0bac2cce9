//! Accepting connections until the process is told to stop.

use std::{net::SocketAddr, time::Duration};

use axum::{Extension, Router, extract::ConnectInfo};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// Headers of a handshake; what clients send fits many times over.
const HEADER_BYTES: usize = 16 * 1024;

/// Pause when the system has no file left for another connection.
const EXHAUSTED: Duration = Duration::from_millis(100);

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
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "could not switch delays off");
    }
    let service = TowerToHyperService::new(router.layer(Extension(ConnectInfo(peer))));
    let connection = http
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            debug!(%peer, %error, "an HTTP connection ended");
        }
    });
}
