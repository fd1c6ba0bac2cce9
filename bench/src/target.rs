//! Where the load goes: only to this machine.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    str::FromStr,
};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

/// The websocket URL of a relay on a loopback address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Where to connect.
    pub address: SocketAddr,
    /// What the URL asks for, `/` at least.
    pub path: String,
}

impl FromStr for Target {
    type Err = anyhow::Error;

    fn from_str(url: &str) -> anyhow::Result<Self> {
        let rest = url.strip_prefix("ws://").context("a URL starts with ws://")?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let authority = match authority.strip_prefix("localhost") {
            Some(port) => format!("127.0.0.1{port}"),
            None => authority.to_owned(),
        };
        let address: SocketAddr = authority
            .parse()
            .or_else(|_| authority.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 80)))
            .with_context(|| format!("{authority} is no address and port"))?;
        // A load generator that can be pointed at other people's relays is a weapon.
        if !address.ip().is_loopback() {
            bail!("{} is not this machine", address.ip());
        }
        Ok(Self {
            address,
            path: if path.is_empty() { "/" } else { path }.to_owned(),
        })
    }
}

/// Source addresses for many connections: an address has about 28,000 ports, and those of the last run wait a minute
/// before they can be used again. All of 127.0.0.0/8 is ours.
#[derive(Debug, Clone, Copy)]
pub struct Sources {
    run: u8,
}

/// Connections from one source address: few, as in the world.
const PER_ADDRESS: usize = 20;

impl Sources {
    /// Addresses that the last runs hardly used.
    pub fn of_this_run() -> Self {
        Self {
            run: (std::process::id() % 200) as u8 + 10,
        }
    }

    /// The address of the nth connection; `None` (any) where the target speaks IPv6.
    pub fn get(self, target: &Target, nth: usize) -> Option<Ipv4Addr> {
        let host = (nth / PER_ADDRESS % 250) as u8 + 1;
        self.of(target, (nth / PER_ADDRESS / 250) as u8, host)
    }

    /// An address that nobody else has, for the nth of a few hundred neighbours.
    pub fn own(self, target: &Target, nth: usize) -> Option<Ipv4Addr> {
        let (high, low) = (200 + nth / 250 % 50, nth % 250 + 1);
        self.of(target, high as u8, low as u8)
    }

    /// The address of those who mean harm.
    pub fn hostile(self, target: &Target) -> Option<Ipv4Addr> {
        self.of(target, 254, 1)
    }

    fn of(self, target: &Target, high: u8, low: u8) -> Option<Ipv4Addr> {
        target
            .address
            .is_ipv4()
            .then(|| Ipv4Addr::new(127, self.run, high, low))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_a_target() {
        for url in [
            "ws://localhost:3000",
            "ws://127.0.0.1:3000/relay",
            "ws://127.9.9.9:1/",
            "ws://[::1]:3000",
        ] {
            assert!(url.parse::<Target>().is_ok(), "{url}");
        }
        for url in [
            "ws://10.0.0.1:80",
            "ws://relay.example.com",
            "wss://127.0.0.1",
            "ws://localhost.example.com:80",
            "http://localhost",
        ] {
            assert!(url.parse::<Target>().is_err(), "{url}");
        }
        assert_eq!(
            "ws://127.0.0.1:3000/relay".parse::<Target>().unwrap().path,
            "/relay"
        );
    }

    #[test]
    fn connections_spread_over_addresses() {
        let target = "ws://localhost:1".parse().unwrap();
        let sources = Sources::of_this_run();
        assert_eq!(sources.get(&target, 0), sources.get(&target, PER_ADDRESS - 1));
        assert_ne!(sources.get(&target, 0), sources.get(&target, PER_ADDRESS));
    }
}
