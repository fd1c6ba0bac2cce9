//! Attempts to sign in: so many failures of an address or for an account, then a pause.

use std::net::IpAddr;

use sha2::{Digest, Sha256};

use crate::{App, web::PageError};

/// Seconds after which failures are forgotten.
const WINDOW: u64 = 900;

/// Failures of one address, which may be an office.
const OF_ADDRESS: u64 = 20;

/// Failures for one account, whoever makes them. Signing in with a Nostr key stays possible.
const OF_ACCOUNT: u64 = 10;

/// Counts failures.
pub struct Throttle<'a> {
    app: &'a App,
    keys: Vec<(String, u64)>,
}

impl<'a> Throttle<'a> {
    /// For an address, and an account if one is named.
    pub fn new(app: &'a App, address: IpAddr, account: Option<&str>) -> Self {
        let mut keys = vec![(format!("address:{}", network(address)), OF_ADDRESS)];
        if let Some(account) = account {
            // Whatever was typed: of one length and without surprises.
            let hash = Sha256::digest(account.to_lowercase());
            let hash: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
            keys.push((format!("account:{hash}"), OF_ACCOUNT));
        }
        Self { app, keys }
    }

    /// Counts an attempt before it is looked at, so that many at once are counted too.
    pub async fn attempt(&self) -> Result<(), PageError> {
        for (key, most) in &self.keys {
            let (count, seconds_left) = self.app.desk.count_attempt(key, WINDOW).await?;
            if count > *most {
                return Err(PageError::TooMany(seconds_left));
            }
        }
        Ok(())
    }

    /// It was the right one: nothing is held against it.
    pub async fn forget(&self) -> Result<(), PageError> {
        for (key, _) in &self.keys {
            self.app.desk.forget_attempts(key).await?;
        }
        Ok(())
    }
}

/// An IPv6 client has a network of 64 bits to itself.
fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}
