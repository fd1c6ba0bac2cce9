//! What several threads do to the same state, in many of the orders in which they may: chosen by shuttle's scheduler.
//!
//! `cargo nextest run -p relay-ws --features shuttle --lib interleavings`

mod debts;
mod doors;
mod hand_over;
mod outbox;
mod turns;

use std::sync::Arc;

use crate::{connection::Connection, line::Line, outbox::OutboxLimits, unfinished::Unfinished};

fn connection() -> Arc<Connection> {
    let limits = OutboxLimits {
        bytes: 1 << 20,
        messages: 1 << 10,
    };
    let line = Line::unheard(limits);
    let address = [127, 0, 0, 1].into();
    Arc::new(Connection::new(address, None, None, line, Unfinished::default()))
}
