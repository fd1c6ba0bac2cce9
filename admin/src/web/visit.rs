//! What is known of a request before its page is made.

use std::net::IpAddr;

use store::SessionOperator;

use super::{Flash, Theme};

/// Who asks, from where, and how they like it. Put into every request by `operator::session`.
#[derive(Debug, Clone)]
pub struct Visit {
    /// Who is signed in.
    pub operator: Option<SessionOperator>,
    /// sha256 of the session's cookie.
    pub session: Option<[u8; 32]>,
    /// What forms of this browser carry.
    pub csrf: String,
    /// The message of the last act.
    pub flash: Option<Flash>,
    /// Light or dark.
    pub theme: Theme,
    /// Path and query of the page.
    pub path: String,
    /// Where the browser is, seen through trusted proxies.
    pub address: IpAddr,
    /// What it says it is.
    pub user_agent: String,
    /// `https://admin.example.com`: where operators reach this app, without a path.
    pub origin: String,
    /// What the relay is called.
    pub relay: String,
}

impl Visit {
    /// Whether the browser reaches us by TLS.
    pub fn is_secure(&self) -> bool {
        self.origin.starts_with("https://")
    }
}
