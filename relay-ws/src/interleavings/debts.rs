//! An answer is given by whoever settles its debt: the worker that did the work, or this process when the worker is late.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use protocol::EventId;
use shuttle::thread;
use testkit::in_any_order;

use super::connection;
use crate::{
    connection::Connection,
    owed::{Debt, Owing},
};

const SENT: u32 = 3;

/// A client sends the same event three times, its answers may come in time or late: three answers.
fn answers(connection: &Arc<Connection>) -> u32 {
    let debt = Debt::Event(EventId::from_bytes([1; 32]));
    let (began, late) = (Instant::now(), Instant::now() + Duration::from_secs(60));
    let upkeep = {
        let connection = Arc::clone(connection);
        thread::spawn(move || connection.overdue(late).iter().map(|(_, answers)| answers).sum())
    };
    let mut answering = vec![upkeep];
    for _ in 0..SENT {
        match connection.owe(debt.clone(), began, None) {
            Owing::New => {
                let (connection, debt) = (Arc::clone(connection), debt.clone());
                answering.push(thread::spawn(move || connection.settle(&debt)));
            }
            Owing::Again => {}
            Owing::TooMany => panic!("too many"),
        }
    }
    answering.into_iter().map(|thread| thread.join().unwrap()).sum()
}

#[test]
fn each_event_is_answered_as_often_as_it_was_sent() {
    in_any_order(|| {
        let connection = connection();
        assert_eq!(answers(&connection), SENT);
        assert!(connection.owes_nothing());
    });
}
