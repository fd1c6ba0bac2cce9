//! Who hears of a job that panics: whoever reads the reports, once.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, mpsc},
    thread,
};

use queue::Queue;
use runtime::{config::Config, telemetry};

use crate::fixture::{Fate, Fixture, Ledger, attempts, errand, until};

/// What is sent to an address that takes reports as Sentry does.
struct Reports {
    dsn: String,
    bodies: mpsc::Receiver<String>,
}

impl Reports {
    fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let dsn = format!("http://key@{}/1", listener.local_addr().unwrap());
        let (sender, bodies) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let sender = sender.clone();
                thread::spawn(move || while take(stream.as_ref().unwrap(), &sender).is_some() {});
            }
        });
        Self { dsn, bodies }
    }
}

/// Takes one request.
fn take(mut stream: &TcpStream, sender: &mpsc::Sender<String>) -> Option<()> {
    let (mut reader, mut length) = (BufReader::new(stream), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    sender.send(String::from_utf8_lossy(&body).into_owned()).ok()?;
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    stream.write_all(answer.as_bytes()).ok()
}

#[tokio::test]
async fn a_job_that_panics_each_time_is_reported_once_and_a_job_that_fails_once_too() {
    let reports = Reports::listen();
    let variables = [("SENTRY_DSN".to_owned(), reports.dsn.clone())];
    let config = Config::from_sources(None, variables).unwrap();
    let telemetry = telemetry::init("worker", &config.telemetry).unwrap();
    let (queue, ledger) = (Fixture::new().await, Arc::new(Ledger::default()));
    let worker = queue.worker("one", 4, &ledger).await;
    queue
        .push([errand(4711, Fate::Panic), errand(4712, Fate::FailUntil(99))])
        .await;
    until("both are dead", async || {
        queue
            .producer
            .dead_letters(Queue::Import, 100)
            .await
            .unwrap()
            .len()
            == 2
    })
    .await;
    assert_eq!(attempts(&ledger, 4711).await, [1, 2, 3]);
    worker.stop().await;
    // Sends what waits.
    drop(telemetry);

    let bodies: Vec<String> = reports.bodies.try_iter().collect();
    let about = |text: &str| bodies.iter().filter(|body| body.contains(text)).count();
    assert_eq!(about("a panic in job 4711"), 1, "of {} reports", bodies.len());
    assert_eq!(about("a job is given up"), 1, "of {} reports", bodies.len());
}
