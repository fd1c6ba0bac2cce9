//! Connections that wait, with a subscription each. Memory per connection means something on a fresh relay only.

use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt, future::join_all, stream};
use tokio::time::timeout_at;

use super::{Bench, OPENING, deliveries::subscribe};
use crate::{corpus::Author, report::Row, socket::Socket, tally::Tally};

/// Opens the connections, subscribes each to somebody of its own, and then looks what holding them costs.
pub async fn idle(bench: &Bench, connections: usize, hold: Duration) -> anyhow::Result<[Row; 2]> {
    // One key serves for ten: that the filters differ is enough for an index.
    let authors: Vec<String> = (0..connections.div_ceil(10))
        .map(|nth| Author::new(bench.seed, nth).pubkey())
        .collect();
    let opening = bench.meter.start()?;
    let (sockets, opened) = open(bench, connections, &authors).await?;
    let opening = opening.stop()?;
    let row = Row::new(
        format!("open {connections} connections"),
        "connections",
        &opened,
        opening.clone(),
    );

    let holding = bench.meter.start()?;
    let (lost, still) = keep(sockets, hold).await;
    let holding = holding.stop()?;
    let mut kept = Tally::new()?;
    for error in lost {
        kept.fault(format!("a connection was lost: {error}"));
    }
    kept.accepted = still as u64;
    let mut held = Row::new(
        format!("hold {connections} connections"),
        "connections",
        &kept,
        holding,
    );
    // A rate of holding says nothing.
    held.rate = 0.0;
    let wall_s = held.usage.wall_s;
    for (role, usage) in held.usage.servers.clone() {
        let before = opening.servers.get(&role).map_or(0, |usage| usage.memory_before);
        let grown = usage.memory_after.saturating_sub(before) as f64 / connections as f64;
        let rate = 1e3 * usage.cpu_s / wall_s;
        held = held
            .fact(&format!("{role} kB per connection"), grown / 1e3)
            .fact(&format!("{role} ms CPU a second"), rate);
    }
    Ok([row, held])
}

async fn open(bench: &Bench, connections: usize, authors: &[String]) -> anyhow::Result<(Vec<Socket>, Tally)> {
    let mut tally = Tally::new()?;
    let mut opened = stream::iter(0..connections)
        .map(|nth| async move {
            let start = Instant::now();
            let mut socket = bench.connect_nth(nth).await?;
            let author = &authors[nth % authors.len()];
            subscribe(
                &mut socket,
                &format!(
                    r#"{{"authors":["{author}"],"kinds":[{}],"limit":1}}"#,
                    40_000 + nth / 10
                ),
            )
            .await?;
            anyhow::Ok((socket, start.elapsed()))
        })
        .buffer_unordered(OPENING);
    let mut sockets = Vec::with_capacity(connections);
    while let Some((socket, latency)) = opened.try_next().await? {
        tally.accept(latency);
        sockets.push(socket);
    }
    Ok((sockets, tally))
}

/// Answers pings until the time is over. Returns why connections were lost, and how many were not.
async fn keep(sockets: Vec<Socket>, hold: Duration) -> (Vec<String>, usize) {
    let all = sockets.len();
    let end = tokio::time::Instant::now() + hold;
    let ends = join_all(sockets.into_iter().map(|mut socket| async move {
        let listen = async {
            loop {
                let read = socket.read(|_| {}).await;
                if let Err(error) = read.and(socket.flush().await) {
                    return error;
                }
            }
        };
        // Time over is the good end.
        timeout_at(end, listen).await.ok().map(|error| error.to_string())
    }))
    .await;
    let lost: Vec<String> = ends.into_iter().flatten().collect();
    let still = all - lost.len();
    (lost, still)
}
