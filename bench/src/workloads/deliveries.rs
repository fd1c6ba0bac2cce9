//! Live events on their way to many subscribers: each must come once to each of them.

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use ahash::AHashMap;
use anyhow::Context;
use futures::{StreamExt, stream::FuturesUnordered};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use crate::{
    calls::{Key, event_key, key_of_id},
    message::Message,
    meter::{Running, Usage},
    socket::Socket,
    tally::Tally,
};

/// After the last delivery: time for one too many to show up.
const LINGER: Duration = Duration::from_millis(500);

/// Who got what.
pub struct Deliveries {
    /// Each event's number, and when it was sent (or was to be sent).
    events: AHashMap<Key, (usize, Option<Instant>)>,
    /// By subscriber and event.
    seen: Vec<bool>,
    missing: usize,
    pub twice: u64,
    pub unknown: u64,
    pub tally: Tally,
    last: Option<Instant>,
}

impl Deliveries {
    pub fn new(notes: &[String], subscribers: usize) -> anyhow::Result<Self> {
        let events = notes
            .iter()
            .enumerate()
            .map(|(nth, note)| (event_key(note.as_bytes()), (nth, None)));
        Ok(Self {
            events: events.collect(),
            seen: vec![false; notes.len() * subscribers],
            missing: notes.len() * subscribers,
            twice: 0,
            unknown: 0,
            tally: Tally::new()?,
            last: None,
        })
    }

    pub fn missing(&self) -> usize {
        self.missing
    }

    /// An event goes out.
    pub fn sent(&mut self, note: &str, at: Instant) {
        if let Some((_, sent)) = self.events.get_mut(&event_key(note.as_bytes())) {
            *sent = Some(at);
        }
    }

    fn came(&mut self, subscriber: usize, text: &[u8]) {
        let Message::Event { id } = Message::parse(text) else {
            return;
        };
        self.tally.bytes += text.len() as u64;
        let Some((nth, Some(sent))) = self.events.get(&key_of_id(id)).copied() else {
            self.unknown += 1;
            return;
        };
        let seen = &mut self.seen[subscriber * self.events.len() + nth];
        if std::mem::replace(seen, true) {
            self.twice += 1;
            return;
        }
        self.missing -= 1;
        let now = Instant::now();
        self.tally.accept(now - sent);
        self.last = Some(now);
    }
}

/// Sends a REQ and waits for its EOSE.
pub async fn subscribe(socket: &mut Socket, filter: &str) -> anyhow::Result<()> {
    subscribe_all(socket, &[filter]).await
}

/// Sends a REQ for each filter and waits for the EOSE of each. A CLOSED is an error.
pub async fn subscribe_all(socket: &mut Socket, filters: &[impl AsRef<str>]) -> anyhow::Result<()> {
    for (nth, filter) in filters.iter().enumerate() {
        let id = format!("s{nth}");
        socket.queue(&[
            br#"["REQ",""#,
            id.as_bytes(),
            br#"","#,
            filter.as_ref().as_bytes(),
            b"]",
        ]);
    }
    socket.flush().await?;
    let (mut left, mut refused) = (filters.len(), None);
    while left > 0 {
        let read = socket.read(|text| match Message::parse(text) {
            Message::Eose { .. } => left -= 1,
            Message::Closed { text, .. } => refused = Some(String::from_utf8_lossy(text).into_owned()),
            _ => {}
        });
        timeout(Duration::from_secs(30), read)
            .await
            .context("no EOSE for 30 s")??;
        if let Some(reason) = refused {
            anyhow::bail!("a subscription was refused: {reason}");
        }
    }
    Ok(())
}

/// Reads all sockets until everything came, then a little longer, while `publish` runs. The measurement ends with the last
/// delivery, or after `patience`.
pub async fn deliver(
    sockets: &mut [Socket],
    deliveries: &RefCell<Deliveries>,
    patience: Duration,
    running: Running,
    publish: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<Usage> {
    let complete = Notify::new();
    let mut readers: FuturesUnordered<_> = sockets
        .iter_mut()
        .enumerate()
        .map(|(subscriber, socket)| receive(socket, subscriber, deliveries, &complete))
        .collect();
    let start = running.start();
    let measure = async {
        // `Ok` or not: what is missing is counted.
        let _ = timeout(patience, complete.notified()).await;
        let mut usage = running.stop()?;
        if let Some(last) = deliveries.borrow().last {
            usage.wall_s = usage.wall_s.min((last - start).as_secs_f64());
        }
        sleep(LINGER).await;
        anyhow::Ok(usage)
    };
    let forever = async {
        while readers.next().await.is_some() {}
        std::future::pending::<()>().await;
    };
    tokio::select! {
        result = async { tokio::try_join!(publish, measure) } => result.map(|((), usage)| usage),
        () = forever => unreachable!("it never ends"),
    }
}

async fn receive(
    socket: &mut Socket,
    subscriber: usize,
    deliveries: &RefCell<Deliveries>,
    complete: &Notify,
) {
    loop {
        let result = match socket.flush().await {
            Ok(()) => {
                socket
                    .read(|text| deliveries.borrow_mut().came(subscriber, text))
                    .await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            deliveries
                .borrow_mut()
                .tally
                .fault(format!("a subscriber was lost: {error}"));
            return;
        }
        if deliveries.borrow().missing == 0 {
            complete.notify_one();
        }
    }
}
