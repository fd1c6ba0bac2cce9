//! What several threads do to the same state, in many of the orders in which they may: chosen by shuttle's scheduler.
//!
//! `cargo nextest run -p relay-ws --features shuttle --lib interleavings`

mod debts;
mod doors;
mod hand_over;
mod outbox;
mod turns;

use std::sync::Arc;

use pubsub::{ConnectionId, Copies, Listeners, ProcessId};

use crate::{connection::Connection, copies::Copier, line::Line, outbox::OutboxLimits};

fn connection() -> Arc<Connection> {
    let copier = Arc::new(Copier::new(Listeners::new(Copies::Never)).0);
    let limits = OutboxLimits {
        bytes: 1 << 20,
        messages: 1 << 10,
    };
    let id = ConnectionId::random(ProcessId::random());
    let line = Arc::new(Line::new(id, limits, None, copier));
    Arc::new(Connection::new([127, 0, 0, 1].into(), None, None, line))
}
