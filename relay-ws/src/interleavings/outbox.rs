//! Anybody appends to an outbox, one task writes what is in it to the socket.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use shuttle::{
    future::block_on,
    thread::{self, JoinHandle},
};
use testkit::in_any_order;

use super::connection;
use crate::{
    connection::Connection,
    outbox::{Close, CloseReason},
};

const MESSAGES: u8 = 3;

type Written = BTreeMap<u8, Vec<u8>>;

/// What the socket's task writes, by who said it: so many messages, or those before the close.
fn written(connection: &Connection, most: usize) -> Written {
    let mut written = Written::new();
    while written.values().map(Vec::len).sum::<usize>() < most {
        let waiting = block_on(connection.line.outbox().next());
        for message in waiting.messages {
            written.entry(message[0]).or_default().push(message[1]);
        }
        if waiting.close.is_some() {
            break;
        }
    }
    written
}

fn say(who: u8, connection: &Arc<Connection>) -> JoinHandle<()> {
    let connection = Arc::clone(connection);
    thread::spawn(move || {
        for nth in 0..MESSAGES {
            connection.line.outbox().push(Bytes::from(vec![who, nth]));
        }
    })
}

#[test]
fn everything_is_written_in_its_order_and_nobody_sleeps_while_something_waits() {
    in_any_order(|| {
        let connection = connection();
        let saying = [1, 2].map(|who| say(who, &connection));
        let all = (0..MESSAGES).collect::<Vec<_>>();
        let written = written(&connection, 2 * all.len());
        assert_eq!(written, [1, 2].map(|who| (who, all.clone())).into());
        saying.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn what_is_said_after_the_close_is_not_written() {
    in_any_order(|| {
        let connection = connection();
        let saying = say(1, &connection);
        let closing = {
            let connection = Arc::clone(&connection);
            thread::spawn(move || {
                let close = Close::because(CloseReason::Idle, "idle for too long");
                connection.line.close(close);
                connection.line.outbox().push(Bytes::from_static(&[2, 0]));
                block_on(connection.line.outbox().ending());
            })
        };
        let mut written = written(&connection, usize::MAX);
        let before = written.remove(&1).unwrap_or_default();
        assert!((0..MESSAGES).collect::<Vec<_>>().starts_with(&before));
        assert!(written.is_empty());
        saying.join().unwrap();
        closing.join().unwrap();
    });
}
