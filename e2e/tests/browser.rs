//! A headless Chromium of one's own.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tokio::net::TcpStream;

/// How long anything may take. Generous: it bounds a failing test, no passing one waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A browser that is closed when the test ends.
pub struct Browser {
    pub page: Client,
    driver: Child,
    profile: PathBuf,
    origin: String,
}

impl Browser {
    /// Opens one; paths are of `origin`.
    pub async fn open(origin: String) -> Self {
        let port = free_port();
        let profile = std::env::temp_dir().join(format!("switchyard-browser-{:016x}", rand::random::<u64>()));
        std::fs::create_dir_all(&profile).unwrap();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed: scripts/services install test");
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(tokio::time::Instant::now() < deadline, "chromedriver listens");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--window-size=1280,900",
            &format!("--user-data-dir={}", profile.display()),
        ];
        let options = json!({ "goog:chromeOptions": { "args": arguments } });
        let page = ClientBuilder::new(HttpConnector::new())
            .capabilities(options.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("a browser");
        Self {
            page,
            driver,
            profile,
            origin,
        }
    }

    /// Goes to a path.
    pub async fn go(&self, path: &str) {
        self.page.goto(&format!("{}{path}", self.origin)).await.unwrap();
    }

    /// Where it is.
    pub async fn path(&self) -> String {
        let url = self.page.current_url().await.unwrap();
        url.as_str().trim_start_matches(&self.origin).to_owned()
    }

    /// Types into an empty field.
    pub async fn type_into(&self, selector: &str, text: &str) {
        let field = self.find(selector).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Clicks, and waits for the page that follows.
    pub async fn click(&self, selector: &str) {
        let old = self.find("html").await;
        self.find(selector).await.click().await.unwrap();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        // An element of a page that is gone cannot be asked any more.
        while old.tag_name().await.is_ok() {
            assert!(tokio::time::Instant::now() < deadline, "{selector} leads nowhere");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Goes to a path again and again until the page says something.
    pub async fn until(&self, path: &str, text: &str) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        self.go(path).await;
        while !self.text("main").await.contains(text) {
            assert!(tokio::time::Instant::now() < deadline, "{path} never says {text}");
            tokio::time::sleep(Duration::from_millis(50)).await;
            self.go(path).await;
        }
    }

    /// Stays where it is until an element says something.
    pub async fn until_text(&self, selector: &str, text: &str) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !self.text(selector).await.contains(text) {
            assert!(
                tokio::time::Instant::now() < deadline,
                "{selector} never says {text}: {}",
                self.text(selector).await
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Answers every question of this page with yes.
    pub async fn agree_to_everything(&self) {
        self.page
            .execute("window.confirm = () => true", vec![])
            .await
            .unwrap();
    }

    /// The text of an element.
    pub async fn text(&self, selector: &str) -> String {
        self.find(selector).await.text().await.unwrap()
    }

    /// An element, once it is there.
    pub async fn find(&self, selector: &str) -> fantoccini::elements::Element {
        let waiting = self.page.wait().at_most(PATIENCE);
        let found = waiting.for_element(Locator::Css(selector)).await;
        found.unwrap_or_else(|error| panic!("{selector}: {error}"))
    }

    /// Signs in with a password.
    pub async fn sign_in(&self, name: &str, password: &str) {
        self.go("/sign-in").await;
        self.type_into("[name=name]", name).await;
        self.type_into("[name=password]", password).await;
        self.click("form[action='/sign-in'] button").await;
    }

    /// Closes it.
    pub async fn close(self) {
        self.page.clone().close().await.unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser ends with its driver, which may have ended already.
        let _ended = self.driver.kill();
        let _status = self.driver.wait();
        std::fs::remove_dir_all(&self.profile).ok();
    }
}

fn free_port() -> u16 {
    let random = || rand::random_range(20_000..32_000);
    std::iter::repeat_with(random)
        .find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .unwrap()
}
