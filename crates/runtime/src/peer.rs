//! Where a client comes from: the peer of the socket, or what a trusted proxy says of it.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;
use ipnet::IpNet;

use crate::config::{ProxyHeader, Websocket};

/// The address of a client. The header that proxies write counts only when the peer is one that we trust; of the chain that it names, the
/// last address that is not a trusted proxy is the client's, since everything left of it may be made up. So may be the whole of a header
/// that they do not write.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, config: &Websocket) -> IpAddr {
    address_behind(peer, headers, config.proxy_header, &config.trusted_proxies)
}

fn address_behind(peer: IpAddr, headers: &HeaderMap, header: ProxyHeader, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    let peer = peer.to_canonical();
    if !is_trusted(&peer) {
        return peer;
    }
    let chain = match header {
        ProxyHeader::Forwarded => forwarded(headers),
        ProxyHeader::XForwardedFor => x_forwarded_for(headers),
    };
    let mut client = peer;
    for address in chain.into_iter().rev() {
        // An unreadable hop hides everything before it.
        let Some(address) = address else { break };
        client = address;
        if !is_trusted(&address) {
            break;
        }
    }
    client
}

fn x_forwarded_for(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    values(headers, "x-forwarded-for")
        .map(|hop| parse(hop.trim()))
        .collect()
}

/// RFC 7239: `for=192.0.2.60;proto=https, for="[2001:db8::1]:4711"`.
fn forwarded(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let of = |hop: &str| {
        hop.split(';').find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            name.trim()
                .eq_ignore_ascii_case("for")
                .then(|| parse(value.trim().trim_matches('"')))?
        })
    };
    values(headers, "forwarded").map(of).collect()
}

fn values<'h>(headers: &'h HeaderMap, name: &'static str) -> impl Iterator<Item = &'h str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
}

/// An address, with or without port and brackets.
fn parse(text: &str) -> Option<IpAddr> {
    let address = text
        .parse::<IpAddr>()
        .or_else(|_| text.parse::<SocketAddr>().map(|socket| socket.ip()))
        .or_else(|_| text.trim_start_matches('[').trim_end_matches(']').parse())
        .ok()?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, headers: &[(&'static str, &'static str)]) -> String {
        client_by(ProxyHeader::XForwardedFor, peer, headers)
    }

    fn client_by(header: ProxyHeader, peer: &str, headers: &[(&'static str, &'static str)]) -> String {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        address_behind(peer.parse().unwrap(), &map, header, &trusted).to_string()
    }

    #[test]
    fn a_stranger_cannot_name_himself() {
        assert_eq!(
            client("192.0.2.1", &[("x-forwarded-for", "198.51.100.7")]),
            "192.0.2.1"
        );
        assert_eq!(
            client_by(
                ProxyHeader::Forwarded,
                "192.0.2.1",
                &[("forwarded", "for=198.51.100.7")]
            ),
            "192.0.2.1"
        );
    }

    #[test]
    fn a_trusted_proxy_is_believed_as_far_as_trust_goes() {
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(
            client("10.0.0.1", &[("x-forwarded-for", "198.51.100.7")]),
            "198.51.100.7"
        );
        assert_eq!(
            client(
                "10.0.0.1",
                &[("x-forwarded-for", "1.2.3.4, 198.51.100.7, 10.1.1.1")]
            ),
            "198.51.100.7"
        );
        assert_eq!(
            client(
                "10.0.0.1",
                &[("x-forwarded-for", "1.2.3.4"), ("x-forwarded-for", "10.9.9.9")]
            ),
            "1.2.3.4"
        );
        assert_eq!(
            client("10.0.0.1", &[("x-forwarded-for", "1.2.3.4, junk, 10.9.9.9")]),
            "10.9.9.9"
        );
    }

    #[test]
    fn only_the_header_that_proxies_write_is_read() {
        let both = [
            ("x-forwarded-for", "1.1.1.1"),
            ("forwarded", "For=\"[2001:db8::1]:4711\";proto=https"),
        ];
        assert_eq!(client("::1", &both), "1.1.1.1");
        assert_eq!(client_by(ProxyHeader::Forwarded, "::1", &both), "2001:db8::1");
        assert_eq!(
            client("10.0.0.1", &both[1..]),
            "10.0.0.1",
            "a client wrote it, not the proxy"
        );
        let ipv4 = [("forwarded", "for=192.0.2.43:80")];
        let by_ipv6 = client_by(ProxyHeader::Forwarded, "::ffff:10.0.0.1", &ipv4);
        assert_eq!(by_ipv6, "192.0.2.43");
    }
}
