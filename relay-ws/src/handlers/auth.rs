//! `["AUTH",<signed event>]` ([NIP-42](https://nips.nostr.com/42)): checked here, its auth level is found by a worker.

use protocol::{Event, Kind, Prefix, Reason};

use super::Cx;
use crate::{
    owed::{Debt, Owing},
    rate_limit::Action,
    verifier::{Purpose, Submission},
};

impl Cx<'_> {
    /// Proves a key, once its signature is checked. Every AUTH is answered by an OK.
    pub(super) async fn auth(&self, event: Box<Event>) {
        let (id, line) = (event.id, &self.connection.line);
        if let Err(reason) = self.is_answer_to_challenge(&event) {
            return line.ok(&id, false, &reason.to_string());
        }
        let deadline = Self::deadline(self.relay.config.websocket.auth_deadline_s);
        match self.connection.owe(Debt::Auth(id), deadline) {
            Owing::New => {}
            Owing::Again => return,
            Owing::TooMany => {
                return line.ok(&id, false, "rate-limited: too many events without an answer yet");
            }
        }
        let purpose = Purpose::Authenticate;
        self.relay
            .verifier
            .check(Submission {
                connection: self.connection.clone(),
                purpose,
                event,
            })
            .await;
    }

    fn is_answer_to_challenge(&self, event: &Event) -> Result<(), Reason> {
        self.is_allowed(Action::Auth)?;
        let refuse = |text: &'static str| Err(Reason::new(Prefix::Invalid, text));
        let now = runtime::clock::unix_millis() / 1000;
        if event.kind != Kind::AUTHENTICATION {
            return refuse("an AUTH event has kind 22242");
        }
        if event.created_at.abs_diff(now) > self.relay.config.auth.max_age_s {
            return refuse("created_at is too far from now");
        }
        if event.tags.first_value("challenge") != Some(self.connection.id.as_str()) {
            return refuse("challenge does not match");
        }
        if !event
            .tags
            .first_value("relay")
            .is_some_and(|url| self.is_our_url(url))
        {
            return refuse("relay does not match");
        }
        Ok(())
    }

    /// NIP-42: the host is enough. It has to be one of the configured URLs' or, with none, the one that was connected to.
    fn is_our_url(&self, url: &str) -> bool {
        let Some(host) = host_of(url) else { return false };
        let urls = &self.relay.config.relay.urls;
        if urls.is_empty() {
            return self
                .connection
                .host
                .as_deref()
                .and_then(host_of_authority)
                .is_some_and(|own| own == host);
        }
        urls.iter().filter_map(|own| host_of(own)).any(|own| own == host)
    }
}

/// Host in lower case without port, of `ws://` and `wss://` URLs.
fn host_of(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("ws") && !scheme.eq_ignore_ascii_case("wss") {
        return None;
    }
    host_of_authority(rest.split(['/', '?', '#']).next()?)
}

fn host_of_authority(authority: &str) -> Option<String> {
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next()?,
        None => authority.split(':').next()?,
    };
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    (!host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_compared_without_port_case_and_path() {
        for url in [
            "wss://Relay.example.com",
            "ws://relay.example.com:80/",
            "wss://relay.example.com./a?b#c",
        ] {
            assert_eq!(host_of(url).as_deref(), Some("relay.example.com"), "{url}");
        }
        assert_eq!(host_of("ws://[::1]:3000/").as_deref(), Some("::1"));
        assert_eq!(host_of_authority("localhost:3000").as_deref(), Some("localhost"));
        for url in ["https://relay.example.com", "relay.example.com", "wss://", ""] {
            assert_eq!(host_of(url), None, "{url}");
        }
    }
}
