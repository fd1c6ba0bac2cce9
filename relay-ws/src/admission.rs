//! Who may come in, and what has to be done when one comes and goes.

use std::sync::Arc;

use metrics::counter;
use pubsub::ConnectionId;
use tracing::debug;
use yawc::{HttpWebSocket, UpgradeFut};

use crate::{
    arrival::Arrival,
    connection::Connection,
    fast_auth,
    line::Line,
    outbox::{Close, CloseReason, OutboxLimits},
    rate_limit::Action,
    relay::Relay,
    socket,
};

/// A client at the door.
pub struct Visitor {
    /// How it came.
    pub arrival: Arrival,
    /// The host that it asked for.
    pub host: Option<String>,
    /// What proves a key, if it brings that along.
    pub authorization: Option<String>,
}

/// Completes the handshake and runs the connection. Who is not let in is told why by a close code, which browsers can
/// read, unlike a status of the handshake.
pub async fn admit(relay: Arc<Relay>, visitor: Visitor, upgrade: UpgradeFut) {
    let socket: HttpWebSocket = match upgrade.await {
        Ok(socket) => socket,
        Err(error) => return debug!(%error, "a handshake was not completed"),
    };
    let Visitor {
        arrival: Arrival {
            origin,
            entered,
            unfinished,
        },
        host,
        authorization,
    } = visitor;
    let limits = OutboxLimits {
        messages: relay.config.websocket.outbox_messages,
        bytes: relay.config.websocket.outbox_bytes,
    };
    let id = ConnectionId::random(relay.process);
    let address = origin.address();
    let bounded = entered.is_some().then(|| Arc::clone(&origin));
    let line = Arc::new(Line::new(id, limits, bounded, Arc::clone(&relay.copier)));
    unfinished.is_from(Arc::clone(&origin), Arc::clone(&line));
    let connection = Arc::new(Connection::new(address, entered, host, line, unfinished));
    // A task of its own: this one's state held the handshake, and would stay as long.
    tokio::spawn(origin.charged(stay(relay, connection, authorization, socket)));
}

/// From the welcome, or the refusal, to the end.
async fn stay(
    relay: Arc<Relay>,
    connection: Arc<Connection>,
    authorization: Option<String>,
    mut socket: HttpWebSocket,
) {
    let (relay, connection) = (&relay, &connection);
    match refusal(relay, connection).await {
        Some((reason, text)) => {
            counter!("relay_connections_refused_total").increment(1);
            connection.line.close(Close::because(reason, text));
            socket::run(relay, connection, &mut socket).await;
        }
        None => {
            enter(relay, connection);
            // Boxed: four times what the connection needs from then on.
            let check_in = Box::pin(fast_auth::check_in(relay, connection, authorization));
            if let Err(close) = check_in.await {
                connection.line.close(close);
            }
            socket::run(relay, connection, &mut socket).await;
            leave(relay, connection);
        }
    }
}

async fn refusal(relay: &Relay, connection: &Connection) -> Option<(CloseReason, &'static str)> {
    let busy = |text| Some((CloseReason::Unavailable, text));
    if relay.rulings.current().is_blocked(connection.address) {
        return Some((CloseReason::Restricted, "your address is blocked"));
    }
    let unlimited = relay.settings.is_unlimited(connection.address);
    if relay.settings.maintenance() {
        return busy("maintenance: come back later");
    }
    if relay.connections.len() >= relay.config.websocket.max_connections {
        return busy("too many connections");
    }
    let is_too_many = connection.entered.is_none();
    if is_too_many || !unlimited && !relay.rates.allow(connection.address, Action::Connection) {
        return busy("too many connections from your address");
    }
    if relay.settings.take_place(connection.id).await {
        None
    } else {
        busy("too many connections")
    }
}

fn enter(relay: &Relay, connection: &Arc<Connection>) {
    relay.connections.insert(Arc::clone(connection));
    relay
        .presence
        .connected(connection, runtime::clock::unix_millis() / 1000);
    connection.line.challenge();
}

/// Everything that belongs to the connection goes with it.
fn leave(relay: &Relay, connection: &Connection) {
    relay.connections.remove(connection.id);
    connection.forget_debts();
    let subscriptions = connection.unsubscribe_all();
    for registered in &subscriptions {
        relay.live.remove(&registered.hung);
        registered.subscription.end();
    }
    let names = subscriptions
        .into_iter()
        .map(|registered| registered.subscription.id.clone())
        .collect();
    relay.presence.disconnected(connection.id, names);
}
