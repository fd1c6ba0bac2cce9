//! Asking over HTTP, as a browser or a scraper would.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// `name=value` of each cookie that was set.
    pub cookies: Vec<String>,
    pub body: String,
}

/// GET from `<ip>:<port>`.
pub async fn get(address: &str, path: &str) -> Answer {
    ask(address, "GET", path, "", "").await
}

/// GET with a Cookie header.
pub async fn get_with(address: &str, path: &str, cookie: &str) -> Answer {
    ask(address, "GET", path, cookie, "").await
}

/// POST of a form.
pub async fn post(address: &str, path: &str, cookie: &str, form: &str) -> Answer {
    ask(address, "POST", path, cookie, form).await
}

async fn ask(address: &str, method: &str, path: &str, cookie: &str, form: &str) -> Answer {
    let mut stream = send(address, method, path, cookie, form).await;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let cookies = head.lines().filter_map(|line| {
        let (name, value) = line.split_once(": ")?;
        let is_cookie = name.eq_ignore_ascii_case("set-cookie");
        is_cookie.then(|| value.split(';').next().unwrap().to_owned())
    });
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        cookies: cookies.collect(),
        body: body.to_owned(),
    }
}

async fn send(address: &str, method: &str, path: &str, cookie: &str, form: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = form.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nCookie: {cookie}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// An answer that goes on: server-sent events.
pub struct Stream {
    stream: TcpStream,
    heard: String,
}

impl Stream {
    /// GET with a Cookie header.
    pub async fn open(address: &str, path: &str, cookie: &str) -> Self {
        let stream = send(address, "GET", path, cookie, "").await;
        let mut opened = Self {
            stream,
            heard: String::new(),
        };
        opened.until(|heard| heard.contains("text/event-stream")).await;
        opened
    }

    /// Reads on until what has come is as wanted; answers with it.
    pub async fn until(&mut self, is_wanted: impl Fn(&str) -> bool) -> &str {
        let reading = async {
            let mut buffer = vec![0; 16 * 1024];
            while !is_wanted(&self.heard) {
                let count = self.stream.read(&mut buffer).await.unwrap();
                assert!(count > 0, "the stream ended: {}", self.heard);
                self.heard.push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
        };
        let waited = tokio::time::timeout(PATIENCE, reading).await;
        assert!(waited.is_ok(), "in vain: {}", self.heard);
        &self.heard
    }
}
