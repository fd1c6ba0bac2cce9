//! Somebody who runs the relay, from a browser or with requests of their own.

use std::{io::Write, process::Stdio, time::Duration};

use testkit::{HttpAnswer, Stack, StackBuilder, command, request};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::browser::Browser;

pub const PASSWORD: &str = "correct horse battery";

/// A relay with admin and an operator called `boss`.
pub async fn with_operator() -> Stack {
    operated(Stack::builder()).await
}

/// A stack of another kind with admin and an operator called `boss`, made from a shell.
pub async fn operated(stack: StackBuilder) -> Stack {
    let stack = stack.admin().start().await;
    let mut shell = command("admin", &stack.database)
        .args(["create-operator", "boss"])
        .env("REDIS_URL", testkit::redis_url())
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    writeln!(shell.stdin.take().unwrap(), "{PASSWORD}").unwrap();
    assert!(shell.wait().unwrap().success());
    stack
}

/// A browser of nobody in particular.
pub async fn browser(stack: &Stack) -> Browser {
    Browser::open(format!("http://{}", stack.admin_address())).await
}

/// The operator's browser.
pub async fn signed_in(stack: &Stack) -> Browser {
    let browser = browser(stack).await;
    browser.sign_in("boss", PASSWORD).await;
    assert_ne!(browser.path().await, "/sign-in");
    browser
}

/// Who is signed in without a browser.
pub struct Operator {
    address: String,
    cookie: String,
}

impl Operator {
    /// A session of an operator of its own, past the sign-in.
    pub async fn of(stack: &Stack) -> Self {
        let mut database = stack.database.connect().await;
        let token = "a".repeat(64);
        sqlx::query(
            "WITH o AS (INSERT INTO operators (name) VALUES ('olga') RETURNING id)
            INSERT INTO operator_sessions (token_hash, operator_id, address, user_agent, expires_at)
            SELECT sha256($1), id, '127.0.0.1', 'test', now() + interval '1 hour' FROM o",
        )
        .bind(token.as_bytes())
        .execute(&mut database)
        .await
        .unwrap();
        Self {
            address: stack.admin_address().to_owned(),
            cookie: format!("switchyard_session={token}"),
        }
    }

    /// Whatever comes.
    pub async fn look(&self, path: &str) -> HttpAnswer {
        request(&self.address, "GET", path, &[("Cookie", &self.cookie)], "").await
    }

    /// Sends a form, and takes whatever comes.
    pub async fn send(&self, path: &str, fields: &str) -> HttpAnswer {
        let page = self.page("/account").await;
        let (_, after) = page.split_once(r#"name="csrf" value=""#).expect("a form");
        let csrf = after.split('"').next().unwrap_or_default();
        let headers = [
            ("Cookie", self.cookie.as_str()),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ];
        let form = format!("csrf={csrf}&{fields}");
        request(&self.address, "POST", path, &headers, &form).await
    }

    pub async fn page(&self, path: &str) -> String {
        let answer = self.look(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    /// Asks for the page until it is as wanted.
    pub async fn until(&self, path: &str, is_wanted: impl Fn(&str) -> bool) {
        let looking = async {
            while !is_wanted(&self.page(path).await) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let looked = tokio::time::timeout(PATIENCE, looking).await;
        assert!(looked.is_ok(), "{path} never says it: {}", self.page(path).await);
    }

    /// Server-sent events: reads until what has come is as wanted.
    pub async fn hears(&self, path: &str, is_wanted: impl Fn(&str) -> bool) {
        let (address, cookie) = (&self.address, &self.cookie);
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut heard = String::new();
        let reading = async {
            let mut buffer = vec![0; 16 * 1024];
            while !is_wanted(&heard) {
                let count = stream.read(&mut buffer).await.unwrap();
                assert!(count > 0, "the stream ended: {heard}");
                heard.push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
        };
        let waited = tokio::time::timeout(PATIENCE, reading).await;
        assert!(waited.is_ok(), "in vain: {heard}");
    }
}

/// How long anything may take. Generous: it bounds a failing test, no passing one waits for it.
const PATIENCE: Duration = Duration::from_secs(30);
