//! Those who harm by their messages: each connection sends one after the other and does not wait for answers, within reason.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use futures::future::join_all;
use serde_json::json;
use tokio::time::{sleep, timeout_at};

use super::attack::{Field, Flood};
use crate::{corpus::Index, message::Message, socket::Socket};

/// What is fired at the relay: the nth message.
type Shots<'f> = Box<dyn Fn(usize) -> Option<String> + 'f>;

/// Messages without an answer, of one connection.
const IN_FLIGHT: usize = 1_000;
/// The longest message that is read.
const LONGEST: usize = 524_288;

pub async fn barrage(field: &Field, flood: Flood) {
    let (connections, in_flight, shots) = weapon(field, flood);
    let fired = Cell::new(0);
    let next = || shots(fired.replace(fired.get() + 1));
    // Subscriptions stay: each connection makes its share and no more.
    let stay = flood == Flood::Subscriptions;
    join_all((0..connections).map(|_| async {
        while Instant::now() < field.until {
            match field.connect().await {
                Some(socket) => fire(field, socket, in_flight, stay, &next).await,
                None => sleep(Duration::from_millis(10)).await,
            }
        }
    }))
    .await;
}

/// Until the relay hangs up or the time is over.
async fn fire(
    field: &Field,
    mut socket: Socket,
    in_flight: usize,
    stay: bool,
    next: impl Fn() -> Option<String>,
) {
    let mut waiting = 0;
    let until = tokio::time::Instant::from_std(field.until);
    let firing = async {
        loop {
            while waiting < in_flight
                && let Some(shot) = next()
            {
                socket.queue(&[shot.as_bytes()]);
                waiting += 1;
                field.done.borrow_mut().did += 1;
                if waiting % 64 == 0 {
                    break;
                }
            }
            socket.flush().await?;
            socket
                .read(|text| {
                    let mut done = field.done.borrow_mut();
                    match Message::parse(text) {
                        Message::Event { .. } => return,
                        Message::Ok { accepted: true, .. } | Message::Eose { .. } => {}
                        Message::Ok { .. } | Message::Closed { .. } => done.refusals += 1,
                        Message::Other => done.refusals += u64::from(text.starts_with(br#"["NOTICE""#)),
                    }
                    done.answers += 1;
                    waiting -= usize::from(!stay).min(waiting);
                })
                .await?;
        }
        #[allow(unreachable_code, reason = "it says what ends the loop")]
        std::io::Result::Ok(())
    };
    if let Ok(Err(_hung_up)) = timeout_at(until, firing).await {
        field.done.borrow_mut().ended += 1;
    }
}

/// How many connections fire what, with how much of it in flight.
fn weapon(field: &Field, flood: Flood) -> (usize, usize, Shots<'_>) {
    match flood {
        Flood::Events => (10, IN_FLIGHT, Box::new(|nth| event(field, nth))),
        Flood::BadSignatures => (10, IN_FLIGHT, Box::new(|nth| forged(field, nth))),
        Flood::Counts => (4, 100, Box::new(|nth| count(&field.index, nth))),
        Flood::Syncs => (4, 5, Box::new(sync)),
        Flood::Subscriptions => (10, 100, Box::new(|nth| req(nth, r#"{"kinds":[1],"limit":0}"#))),
        Flood::JsonBombs => (4, 4, Box::new(bomb)),
        Flood::NoFilter => (10, 100, Box::new(|nth| req(nth % 50, "{}"))),
        Flood::HotTags => (4, 20, Box::new(|nth| req(nth % 50, &hot_tags(&field.index, nth)))),
        Flood::StopWords => (4, 50, Box::new(|nth| req(nth % 50, &stop_words(nth)))),
        Flood::CostlyReqs => {
            let crowds = |count: usize, size| {
                let filters = (0..count).map(|nth| crowd(&field.index, nth, size));
                filters.collect::<Vec<_>>().join(",")
            };
            let filters = [crowds(7, 1_000), crowds(20, 370)];
            (4, 20, Box::new(move |nth| req(nth % 50, &filters[nth % 2])))
        }
        // As others ask: a feed of somebody's follows.
        _ => {
            let feeds: Vec<String> = (0..50).map(|nth| crowd(&field.index, nth, 100)).collect();
            let ask = move |nth: usize| req(nth % 50, &feeds[nth % feeds.len()]);
            (10, IN_FLIGHT, Box::new(ask))
        }
    }
}

fn req(name: usize, filters: &str) -> Option<String> {
    Some(format!(r#"["REQ","{name}",{filters}]"#))
}

fn event(field: &Field, nth: usize) -> Option<String> {
    Some(format!(r#"["EVENT",{}]"#, field.notes.get(nth)?))
}

fn forged(field: &Field, nth: usize) -> Option<String> {
    let note = field.notes.get(nth % field.notes.len())?;
    let (start, _) = note.rsplit_once(r#""sig":"#)?;
    Some(format!(r#"["EVENT",{start}"sig":"{nth:0>128}"}}]"#))
}

fn count(index: &Index, nth: usize) -> Option<String> {
    let filters = match nth % 3 {
        0 => "{}".to_owned(),
        1 => json!({"authors": first(&index.authors, 1_000)}).to_string(),
        _ => json!({"#p": first(&index.addressed, 500)}).to_string(),
    };
    Some(format!(r#"["COUNT","{nth}",{filters}]"#))
}

fn sync(nth: usize) -> Option<String> {
    let filter = json!({"since": nth % 1_000});
    Some(format!(r#"["NEG-OPEN","{}",{filter},"6100000200"]"#, nth % 5))
}

fn bomb(nth: usize) -> Option<String> {
    Some(match nth % 4 {
        0 => "[".repeat(LONGEST),
        1 => format!(r#"["REQ","s",{}]"#, vec!["{}"; LONGEST / 3 - 10].join(",")),
        2 => {
            let tags = vec![r#"["t","x"]"#; LONGEST / 10 - 10].join(",");
            format!(r#"["EVENT",{{"tags":[{tags}]}}]"#)
        }
        _ => format!(r#"["EVENT",{{"created_at":{}}}]"#, "9".repeat(LONGEST - 100)),
    })
}

fn hot_tags(index: &Index, nth: usize) -> String {
    let (one, two) = (&index.addressed[nth % 5], &index.threads[nth % 7]);
    let filters = [
        json!({"#t": ["topic0", "topic1", "topic2"]}).to_string(),
        json!({"#p": first(&index.addressed, 100), "#t": ["topic0"]}).to_string(),
        json!({"#p": [one], "#e": [two], "until": 1_900_000_000}).to_string(),
        json!({"#p": first(&index.addressed, 500), "kinds": (0..50).collect::<Vec<_>>()}).to_string(),
    ];
    filters.join(",")
}

fn stop_words(nth: usize) -> String {
    let words = ["the", "the a to", "m:prefix t", "m:phrase of the"][nth % 4];
    json!({"search": words}).to_string()
}

fn first(values: &[String], most: usize) -> &[String] {
    &values[..most.min(values.len())]
}

/// A filter of so many authors, those who write and those who do not.
fn crowd(index: &Index, nth: usize, size: usize) -> String {
    let writers = index
        .authors
        .iter()
        .cycle()
        .skip(nth * 37)
        .take(size / 2)
        .cloned();
    let authors: Vec<_> = writers
        .chain((0..size / 2).map(|more| format!("{:064x}", 1 + nth * size + more)))
        .collect();
    json!({"authors": authors, "since": 0}).to_string()
}
