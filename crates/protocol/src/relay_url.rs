//! URLs of relays as clients write them, in whichever way ([NIP-42](https://nips.nostr.com/42), [NIP-62](https://nips.nostr.com/62)).

use url::Url;

/// Where a relay is: host and path of a `ws://` or `wss://` URL. Letter case, punycode, ports, a dot after the host and
/// a slash at the end make no difference: what is behind a proxy cannot know all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayUrl {
    host: String,
    path: String,
}

impl RelayUrl {
    /// Reads a URL; `None` for what is none of a relay.
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text.trim()).ok()?;
        if !matches!(url.scheme(), "ws" | "wss") {
            return None;
        }
        let host = url.host_str()?.trim_end_matches('.').to_owned();
        let path = url.path().trim_end_matches('/').to_owned();
        (!host.is_empty()).then_some(Self { host, path })
    }

    /// Those of some URLs that are of relays.
    pub fn parse_all(texts: &[String]) -> Vec<Self> {
        texts.iter().filter_map(|text| Self::parse(text)).collect()
    }

    /// A relay by the `Host` header of a connection to it.
    pub fn of_host(authority: &str) -> Option<Self> {
        Self::parse(&format!("ws://{authority}/"))
    }

    /// Whether both are on the same host: enough to prove a key to.
    pub fn has_host_of(&self, other: &Self) -> bool {
        self.host == other.host
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_to_write_a_url_make_no_difference() {
        let own = RelayUrl::parse("wss://relay.example.com").unwrap();
        for same in [
            "wss://Relay.EXAMPLE.com/",
            "ws://relay.example.com:80",
            "wss://relay.example.com.:443//",
            " wss://relay.example.com/?a=b#c ",
            "wss://relay.example.com:7777",
        ] {
            assert_eq!(RelayUrl::parse(same).as_ref(), Some(&own), "{same}");
        }
        assert_eq!(RelayUrl::of_host("RELAY.example.com:3000"), Some(own.clone()));
        let international = RelayUrl::parse("wss://bücher.example").unwrap();
        assert_eq!(
            RelayUrl::parse("wss://xn--bcher-kva.example/"),
            Some(international)
        );
        assert_eq!(RelayUrl::of_host("[::1]:3000"), RelayUrl::parse("ws://[0:0::1]/"));

        let other_path = RelayUrl::parse("wss://relay.example.com/other").unwrap();
        assert!(other_path != own && other_path.has_host_of(&own));
        assert!(
            !RelayUrl::parse("wss://relay.example.com.evil.net")
                .unwrap()
                .has_host_of(&own)
        );
        for none in [
            "https://relay.example.com",
            "relay.example.com",
            "wss://",
            "",
            "wss:///path",
        ] {
            assert!(
                RelayUrl::parse(none).is_none_or(|url| !url.has_host_of(&own)),
                "{none}"
            );
        }
    }
}
